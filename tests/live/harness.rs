//! The harness judges itself: without the program, a server that starts again on a copy must show
//! the same tree.

use crate::program::copy_data_dir;

use crate::common::client::{self, Mode};
use crate::common::release::releases;
use crate::common::workload::{Kinds, Workload};
use crate::common::zookeeper::{Options, Server};
use crate::runtime;

#[test]
fn a_tree_is_the_same_after_a_restart_on_a_copied_directory() {
    for release in releases() {
        runtime().block_on(async {
            let source = tempfile::tempdir().expect("a folder");
            let copy = tempfile::tempdir().expect("a folder");
            let options = Options::default();
            let mut server = Server::standalone(&release, source.path(), None, &options);
            let mut workload = Workload::start(&server, Kinds::All, 1).await;
            workload.run(300).await;
            let checkpoint = workload.checkpoint(|| server.srvr_zxid()).await;
            // Nothing was missed. The server counts the root twice, as "" and as "/".
            let status = server.serving_status();
            assert_eq!(checkpoint.tree.len() + 1, status.node_count, "{release}");
            assert_eq!(status.mode, "standalone", "{release}");
            server.stop();
            copy_data_dir(source.path(), copy.path(), |_| true);
            let server = Server::standalone(&release, copy.path(), None, &options);
            let tree = client::dump(&server.address(), &release).await;
            client::assert_same_tree(
                &checkpoint.tree,
                &tree,
                Mode::Standalone,
                &format!("{release}"),
            );
        });
    }
}
