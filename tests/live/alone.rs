//! Snapshots without logs.
use crate::release::releases;
use crate::zookeeper::{Ensemble, Options};

#[test]
#[ignore = "look"]
fn look() {
    for release in releases() {
        let folder = std::path::PathBuf::from(format!("/tmp/snaponly-idle/{release}"));
        let dirs: Vec<_> = (1..4).map(|id| (id, folder.join(id.to_string()))).collect();
        for _ in 0..2 {
            let mut ensemble = Ensemble::start(&release, &dirs, &Options::default());
            ensemble.stop();
        }
    }
}
