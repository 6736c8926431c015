//! Pings: a monitor that hears nothing of a job knows that something is wrong, also when the
//! machine is gone.
//!
//! The addresses are those of healthchecks.io and all that take after it: `URL/start`, `URL`,
//! `URL/fail`. Any status but 0 is told as a failure: a warning is there to be seen. An address is
//! as good as a password, and is never shown; its host is.

use super::hooks::cut;
use crate::cli::exit::BadArgument;
use std::time::Duration;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Error, Proxy};

/// How long one attempt may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// How long lies between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// How many bytes are sent at most; healthchecks.io keeps 100 kB, others less.
const BODY_LEN_MAX: usize = 10_000;

/// Whom to tell.
#[derive(Clone, Debug)]
pub struct Pinger {
    url: String,
    host: String,
}

/// What is told.
#[derive(Clone, Copy, Debug)]
pub enum Ping<'a> {
    Start,
    /// The exit status, and what there is to say.
    End(i32, &'a str),
}

/// How hard to try.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub timeout: Duration,
    pub attempts: u32,
}

impl Effort {
    /// For a program that has time.
    pub const USUAL: Effort = Effort {
        timeout: TIMEOUT,
        attempts: 2,
    };
}

impl Pinger {
    /// Takes an address apart.
    pub fn new(url: &str) -> anyhow::Result<Pinger> {
        let url = url.trim();
        let uri: Option<Uri> = url.parse().ok();
        let host = uri
            .as_ref()
            .filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
            .and_then(Uri::host);
        match host {
            Some(host) => Ok(Pinger {
                url: url.to_owned(),
                host: host.to_owned(),
            }),
            None => Err(BadArgument(
                "the address to ping is not a URL that begins with http:// or https://".to_owned(),
            )
            .into()),
        }
    }

    /// Tells it. The error is one line.
    pub fn ping(&self, ping: Ping<'_>, effort: Effort) -> Result<(), String> {
        let (url, body) = match ping {
            Ping::Start => (with_path(&self.url, "/start"), String::new()),
            Ping::End(status, line) => {
                let path = if status == 0 { "" } else { "/fail" };
                let line = line.lines().next().unwrap_or_default();
                let body = format!("exit status {status}\n{line}");
                (with_path(&self.url, path), body)
            }
        };
        let agent = self.agent(effort.timeout);
        let mut attempt = 1;
        loop {
            let answer = agent
                .post(&url)
                .content_type("text/plain; charset=utf-8")
                .send(cut(&body, BODY_LEN_MAX));
            match answer {
                Ok(_) => return Ok(()),
                Err(err) if attempt < effort.attempts && may_pass(&err) => {
                    attempt += 1;
                    std::thread::sleep(PAUSE);
                }
                Err(err) => {
                    // What is wrong with an address is told with the address in it.
                    let err = err.to_string().replace(&url, "the address");
                    return Err(format!("cannot ping {}: {err}", self.host));
                }
            }
        }
    }

    fn agent(&self, timeout: Duration) -> Agent {
        // No proxy reaches what runs on this machine.
        let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&self.host.as_str());
        let proxy = if is_local {
            None
        } else {
            Proxy::try_from_env()
        };
        // What this machine trusts, and not a list of our own: a monitor may well have a
        // certificate of its house.
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        Agent::config_builder()
            .timeout_global(Some(timeout))
            .user_agent(concat!("zoovault/", env!("CARGO_PKG_VERSION")))
            .proxy(proxy)
            .tls_config(tls)
            .build()
            .new_agent()
    }
}

/// Whether it may go better the next time.
fn may_pass(err: &Error) -> bool {
    match err {
        Error::StatusCode(status) => *status == 429 || *status >= 500,
        Error::BadUri(_) | Error::Http(_) => false,
        _ => true,
    }
}

/// `url` with `path` at the end of its path: what is behind `?` stays behind it, and a fragment is
/// nothing for a server.
fn with_path(url: &str, path: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    if path.is_empty() {
        return url.to_owned();
    }
    let (place, query) = match url.split_once('?') {
        Some((place, query)) => (place, format!("?{query}")),
        None => (url, String::new()),
    };
    format!("{}{path}{query}", place.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::{Exit, of_error};
    use crate::cli::jobs::tests::serve;
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn a_query_stays_behind_the_path() {
        for (url, started) in [
            ("http://h/a", "http://h/a/start"),
            ("http://h/a/", "http://h/a/start"),
            ("http://h", "http://h/start"),
            ("http://h/a?rid=1/2", "http://h/a/start?rid=1/2"),
            ("http://h?x=1#top", "http://h/start?x=1"),
        ] {
            assert_eq!(with_path(url, "/start"), started);
        }
        assert_eq!(with_path("http://h/a/?x=1#top", ""), "http://h/a/?x=1");
    }

    #[test]
    fn the_start_and_each_end_have_their_address() {
        let (url, asked) = serve(&[200]);
        let pinger = Pinger::new(&format!("{url}?rid=1\n")).unwrap();
        pinger.ping(Ping::Start, Effort::USUAL).unwrap();
        let end = |status, line: &str| {
            pinger.ping(Ping::End(status, line), Effort::USUAL).unwrap();
            asked.recv().unwrap()
        };
        let path = |line: &str| line.split(' ').nth(1).unwrap().to_owned();
        assert_eq!(
            asked.recv().unwrap(),
            (
                "POST /ping/secret/start?rid=1 HTTP/1.1".into(),
                String::new()
            )
        );
        let (line, body) = end(0, "all good\nsecond line");
        assert_eq!(path(&line), "/ping/secret?rid=1");
        assert_eq!(body, "exit status 0\nall good");
        let (line, body) = end(3, "");
        assert_eq!(path(&line), "/ping/secret/fail?rid=1");
        assert_eq!(body, "exit status 3\n");
        let (_, body) = end(1, &"é".repeat(10_000));
        assert!((9_990..=10_000).contains(&body.len()), "{}", body.len());
    }

    #[test]
    fn what_may_pass_is_tried_once_more() {
        let (url, asked) = serve(&[503, 200]);
        let pinger = Pinger::new(&url).unwrap();
        pinger.ping(Ping::Start, Effort::USUAL).unwrap();
        assert_eq!(asked.try_iter().count(), 2);
        let (url, asked) = serve(&[404]);
        let pinger = Pinger::new(&url).unwrap();
        let err = pinger.ping(Ping::Start, Effort::USUAL).unwrap_err();
        assert_eq!(err, "cannot ping 127.0.0.1: http status: 404");
        assert_eq!(asked.try_iter().count(), 1);
    }

    #[test]
    fn a_monitor_that_says_nothing_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret", listener.local_addr().unwrap());
        let effort = Effort {
            timeout: Duration::from_millis(300),
            attempts: 2,
        };
        let started = std::time::Instant::now();
        let err = Pinger::new(&url).unwrap().ping(Ping::Start, effort);
        assert!(err.unwrap_err().contains("timeout"));
        assert!(started.elapsed() < Duration::from_secs(5));
        drop(listener);
        let err = Pinger::new(&url).unwrap().ping(Ping::Start, effort);
        assert!(!err.unwrap_err().contains("secret"));
    }

    #[test]
    fn encryption_is_there() {
        // Plain words where a handshake is expected: what fails must be that, and not that nobody
        // speaks it here.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        });
        let pinger = Pinger::new(&url).unwrap();
        let effort = Effort {
            timeout: TIMEOUT,
            attempts: 1,
        };
        let err = pinger.ping(Ping::Start, effort).unwrap_err();
        assert!(err.contains("corrupt message"), "{err}");
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_shown() {
        for url in [
            "",
            "hc-ping.com/secret",
            "ftp://h/secret",
            "https:///secret",
            "http://a b/secret",
        ] {
            let err = Pinger::new(url).unwrap_err();
            assert_eq!(of_error(&err), Exit::BadArguments);
            assert!(!err.to_string().contains("secret"));
        }
    }
}
