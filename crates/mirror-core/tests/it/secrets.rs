//! No token and no query string in logs, metrics, errors or headers.

use std::io::Write;
use std::sync::{Arc, Mutex};

use github_sim::{FaultKind, FaultRule};
use mirror_core::{Config, Mirror, Parts, Server};
use serde_json::json;
use service_runtime::logs::{AccessLog, Format, LineWriter};
use service_runtime::{Metrics, Shutdown, SystemClock};

use crate::rig::Rig;

/// What is written to the access log.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tokens_and_queries_stay_secret() {
    for format in [Format::Text, Format::Json] {
        let mut rig = Rig::new().await;
        let pages = Pages::default();
        let lines = LineWriter::new(pages.clone(), 1 << 20);
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            upstream: rig.sim.url(),
            ..Config::default()
        };
        let shutdown = Shutdown::new();
        let parts = Parts {
            metrics: Metrics::new("test").unwrap(),
            access_log: Some(AccessLog::new(format, lines.clone())),
            readiness: shutdown.readiness(),
            clock: Arc::new(SystemClock),
        };
        let mirror = Mirror::new(&config, parts).unwrap();
        let server = Server::bind(&config, mirror.clone()).unwrap();
        rig.url = format!("http://{}", server.addresses()[0]);
        tokio::spawn(server.run(shutdown));

        let token = rig.sim.user_token("a");
        let target = "/repos/octo/hello?access=SECRET-QUERY";
        rig.shelf.put(target, &json!({"id": 1}));
        let mut said = String::new();
        for _ in 0..2 {
            said.push_str(&format!("{:?}", rig.get(target, &token).await.headers));
        }
        rig.get("/nothing?x=SECRET-QUERY", &token).await;
        rig.sim.fault(FaultRule::new(FaultKind::Outage));
        let failed = rig.get("/other?x=SECRET-QUERY", &token).await;
        said.push_str(&format!("{failed:?}"));
        said.push_str(&mirror.metrics().render().unwrap());
        lines.flush();
        let log = String::from_utf8(pages.0.lock().unwrap().clone()).unwrap();
        assert_eq!(log.lines().count(), 4, "{log}");
        let path = format!("{}/repos/octo/hello", rig.sim.url());
        assert!(log.contains(&path), "{log}");
        if format == Format::Text {
            let ours = log.lines().nth(1).unwrap();
            assert!(
                ours.ends_with(&format!(" [GET] CACHE_HIT {path}")),
                "{ours}"
            );
        }
        said.push_str(&log);
        assert!(!said.contains("SECRET-QUERY"), "{said}");
        assert!(!said.contains(&token), "{said}");
    }
}
