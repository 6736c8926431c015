//! Configurations that a server does not take, and what its scripts and its exit say.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::pattern::Captures;

pub(super) const ENTRIES: &[Entry] = &[
    // VerifyingFileFactory, QuorumPeerConfig.parse.
    Entry {
        id: "config-missing",
        family: "config",
        signs: &[
            sign_with(
                "file is missing",
                &[".cfg", ".conf", ".properties", "QuorumPeerConfig"],
            ),
            sign_with(
                "(No such file or directory)",
                &["Error processing", "QuorumPeerConfig.parse"],
            ),
        ],
        cause: "the configuration file is not where the server was told to find it: a wrong path, a volume that is not mounted, or a container without its configuration",
        risk: Risk::No,
        at_risk: "data was not read",
        next: "correct the path. If a volume is not mounted, make sure before the start that dataDir is not on it too",
        ..BLANK
    },
    // QuorumPeer.QuorumServer: a NumberFormatException of the port, in spite of the words.
    Entry {
        id: "port-not-a-number",
        family: "config",
        signs: &[sign("Address unresolved: {address}")],
        since: "3.5.0",
        cause: "in a server.N line the port is not a number, in spite of the words: a blank or a carriage return behind it, or a variable that was not replaced. The name is not looked up at this point",
        risk: Risk::No,
        at_risk: "data was not read",
        next: "look at the end of the server.N lines with `cat -A`, in zoo.cfg and in the dynamic configuration",
        ..BLANK
    },
    // QuorumPeerConfig.parseProperties, parseDynamicConfig, checkValidity; QuorumPeer.QuorumServer.
    Entry {
        id: "config-value",
        family: "config",
        signs: &[
            sign("dataDir is not set"),
            sign("tickTime is not set"),
            sign("initLimit is not set"),
            sign("syncLimit is not set"),
            sign_with("clientPort is not set", &["IllegalArgumentException"]),
            sign_with("lientPortAddress is set but", &["IllegalArgumentException"]),
            sign("does not have the form host:port"),
            sign("does not have the form server_config"),
            sign("Missing election port for server"),
            sign("Client and election port must be different"),
            sign("Multiple address feature is disabled, but multiple addresses were specified"),
            sign("Multiple addresses should have similar roles"),
            sign("Every server must be in exactly one group"),
            sign("Unrecognised peertype"),
            sign("Unrecognised parameter"),
            sign("must be in a separate dynamic config file"),
            sign("dynamic file shouldn't have version inside"),
            sign("client address for this server"),
            sign("Observers w/o"),
            sign("standaloneEnabled = false then"),
            sign("has no matching ']"),
            sign("doesn't have a port after colon"),
            sign("minSessionTimeout must not be larger than maxSessionTimeout"),
            sign("Invalid electionAlg value"),
            sign("is disabled, so cannot enable"),
            sign("metrics provider class was not found"),
            sign("does not match with given port"),
            sign("Unable to canonicalize address"),
            sign("No auth provider configured for the SSL authentication scheme"),
            sign("is in multiple groups"),
            sign_with(
                "Invalid option",
                &["ConfigException", "Choose 'true' or 'false"],
            ),
            sign_with(
                "NumberFormatException",
                &["QuorumPeerConfig", "ServerConfig"],
            ),
            sign_with(
                "IndexOutOfBoundsException",
                &["QuorumPeerConfig", "VerifyingFileFactory", "QuorumServer"],
            ),
        ],
        cause: "a line of the configuration is missing or cannot be used; the message names it",
        risk: Risk::No,
        at_risk: "data was not read",
        next: "correct that line on this member, and compare it with the other members'. If dataDir or dataLogDir is changed, make sure that it still names the directory with the data",
        ..BLANK
    },
    // VerifyingFileFactory: the server makes the directory and goes on.
    Entry {
        id: "path-relative",
        signs: &[sign("is relative. Prepend")],
        since: "3.5.0",
        weight: Weight::Loses,
        cause: "dataDir or dataLogDir does not begin with \"/\": it is taken as a directory below the one in which the server was started. Variables, \"~\" and quotes in zoo.cfg are not replaced, and read as part of the name",
        risk: Risk::Maybe,
        at_risk: "if the data is elsewhere, the server starts empty, and writes to the wrong directory from then on",
        next: "write the whole path, without quotes and variables. If the server has already taken writes, copy the directory that it made before it is changed",
        ..BLANK
    },
    // QuorumPeerMain.initializeAndRun.
    Entry {
        id: "standalone",
        signs: &[sign("Either no config or no quorum defined in config")],
        weight: Weight::Note,
        cause: "the configuration has no list of servers, so this server runs alone",
        risk: Risk::Maybe,
        at_risk: "nothing if that is intended. A member of an ensemble that lost its list takes writes alone, which the others never get",
        next: "nothing if that is intended; otherwise stop it now, copy its directory, and correct the server.N lines or the dynamic configuration before it starts again",
        ..BLANK
    },
    Entry {
        id: "few-servers",
        signs: &[
            sign("Invalid configuration, only one server specified (ignoring)"),
            sign("No server failure will be tolerated. You need at least 3 servers"),
            sign("Non-optimal configuration, consider an odd number of servers"),
            sign("Non-optimial configuration, consider an odd number of servers"),
        ],
        weight: Weight::Note,
        cause: "the configuration has one, two or an even number of servers",
        risk: Risk::No,
        at_risk: "nothing; with one or two servers, none may fail",
        next: "nothing if that is intended. If there should be more, correct the server.N lines before the server takes writes on its own",
        ..BLANK
    },
    // ServerCnxnFactory.configureSaslLogin.
    Entry {
        id: "sasl-server",
        signs: &[sign(
            "Could not configure server because SASL configuration",
        )],
        cause: "the section Server of the JAAS file is missing, or its Kerberos principal or keytab cannot be used",
        risk: Risk::No,
        at_risk: "data was not changed",
        next: "correct the JAAS file that java.security.auth.login.config names; the exception gives the reason",
        ..BLANK
    },
    // QuorumPeer.setLastSeenQuorumVerifier, through AtomicFileOutputStream.
    Entry {
        id: "dynamic-config-unwritten",
        signs: &[
            sign("Error writing next dynamic config file to disk"),
            sign_with(
                "Could not rename temporary file {file}",
                &[".dynamic", ".cfg"],
            ),
        ],
        since: "3.5.1",
        weight: Weight::Warning,
        cause: "the server cannot write its dynamic configuration beside zoo.cfg: its user may not write there, or the file is mounted read-only",
        risk: Risk::No,
        at_risk: "data is not affected; after a restart the member may know an older list of members",
        next: "let the server's user write in the directory of zoo.cfg, or keep reconfigEnabled off",
        ..BLANK
    },
    // bin/zkServer.sh: the server runs all the same.
    Entry {
        id: "pid-unwritten",
        signs: &[
            sign("FAILED TO WRITE PID"),
            sign("zookeeper_server.pid: Permission denied"),
        ],
        weight: Weight::Warning,
        cause: "zkServer.sh started the server, but could not write the file with its process id: the directory of that file belongs to another user",
        risk: Risk::No,
        at_risk: "nothing yet: the server runs, but `zkServer.sh stop` does not find it, and a second start would try to run another one",
        next: "look whether a server runs before anything is started or copied; then make the server's user the owner of that directory",
        ..BLANK
    },
    Entry {
        id: "not-installed",
        signs: &[
            sign("Could not find or load main class org.apache.zookeeper"),
            sign("JAVA_HOME is not set and java could not be found in PATH"),
            sign_with("UnsupportedClassVersionError", &["org/apache/zookeeper"]),
            sign_with(
                "NoClassDefFoundError",
                &["QuorumPeerMain", "ZooKeeperServerMain"],
            ),
        ],
        cause: "the server's program is not complete: Java is missing or too old for this release, or the archive without libraries was unpacked (its name lacks \"-bin\")",
        risk: Risk::No,
        at_risk: "data was not read",
        next: "install the archive apache-zookeeper-RELEASE-bin.tar.gz, and a Java that this release supports",
        ..BLANK
    },
    // bin/zkServer.sh.
    Entry {
        id: "already-running",
        signs: &[sign("already running as process {pid}")],
        weight: Weight::Note,
        cause: "zkServer.sh found a process with the id in its pid file and did not start another one",
        risk: Risk::No,
        at_risk: "nothing was changed",
        next: "if that process is not ZooKeeper's, the pid file is a leftover of an earlier start: delete that file",
        ..BLANK
    },
    // ServiceUtils and ExitCode.
    Entry {
        id: "exit-code",
        signs: &[sign("Exiting JVM with code {code}")],
        since: "3.6.0",
        weight: Weight::Frame,
        cause: "the server stopped; messages before this one give the reason",
        risk: Risk::Maybe,
        at_risk: "that depends on the reason",
        next: "delete nothing. Give zoovault the lines before this one too, or the directory: `zoovault explain DIR`",
        facts: about_code,
        ..BLANK
    },
];

fn about_code(captures: &Captures) -> Vec<String> {
    let meaning = match captures.decimal("code") {
        Some(0) => "it ended as it was told to",
        Some(1) => "an exception that nothing handled",
        Some(2) => "arguments or configuration that it does not take",
        Some(3) => "dataDir or dataLogDir cannot be used",
        Some(4) => "the AdminServer did not start",
        Some(10) => "a snapshot or log could not be written",
        Some(12) => "the leader committed a transaction that this member was not waiting for",
        Some(13) => "a wrong packet from the leader, or a log that could not be truncated",
        Some(14) => "the election port could not be opened",
        _ => return Vec::new(),
    };
    vec![meaning.to_owned()]
}
