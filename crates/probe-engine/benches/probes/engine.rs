//! The engine under load and at rest.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use probe_engine::{
    Engine, Facts, Handler, Kind, NetworkProber, Probe, Scheme, Thresholds, Timing,
};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::server::Ports;
use crate::thread;

/// So many are asked at once under load, as by the baseline.
const AT_ONCE: u32 = 64;

/// What the engine is asked to do.
pub(crate) struct Load {
    pub(crate) ports: Ports,
    pub(crate) is_http: bool,
}

/// What came of many targets that are asked now and then.
pub(crate) struct Rest {
    pub(crate) asked: u64,
    pub(crate) failed: u64,
    pub(crate) half: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) cpu_share: f64,
    pub(crate) bytes_per_probe: u64,
}

impl Load {
    /// Probes per second of CPU, when each target is asked again as soon as it has answered.
    pub(crate) async fn rate(self, during: Duration) -> f64 {
        let (engine, _unheard) = engine();
        for number in 0..AT_ONCE {
            self.set(&engine, number, Duration::from_micros(1));
        }
        sleep(during / 4).await;
        let (asked, before) = (engine.stats().asked, thread::cpu());
        sleep(during).await;
        let stats = engine.stats();
        let (count, cpu) = (stats.asked - asked, thread::cpu() - before);
        assert_eq!(stats.readiness.failure + stats.readiness.unknown, 0, "all answer");
        engine.shutdown().await;
        count as f64 / cpu.as_secs_f64()
    }

    /// So many targets, each asked every ten seconds.
    pub(crate) async fn at_rest(self, targets: u32) -> Rest {
        let (engine, _unheard) = engine();
        let period = Duration::from_secs(10);
        let resident = thread::resident();
        for number in 0..targets {
            self.set(&engine, number, period);
        }
        let bytes_per_probe = thread::resident().saturating_sub(resident) / u64::from(targets);
        // The first period is the beginning; the second is what is measured.
        sleep(period).await;
        let (stats, lateness, cpu) = (engine.stats(), engine.lateness(), thread::cpu());
        sleep(period).await;
        let (now, late) = (engine.stats(), engine.lateness().since(&lateness));
        let rest = Rest {
            asked: now.asked - stats.asked,
            failed: now.readiness.failure + now.readiness.unknown,
            half: late.quantile(0.5),
            p99: late.quantile(0.99),
            p999: late.quantile(0.999),
            cpu_share: (thread::cpu() - cpu).as_secs_f64() / period.as_secs_f64(),
            bytes_per_probe,
        };
        engine.shutdown().await;
        rest
    }

    fn set(&self, engine: &Engine, number: u32, period: Duration) {
        let host = None;
        let handler = if self.is_http {
            let (scheme, path, headers) = (Scheme::Http, "/".to_owned(), Vec::new());
            Handler::HttpGet { scheme, host, port: self.ports.http, path, headers }
        } else {
            Handler::TcpSocket { host, port: self.ports.tcp }
        };
        let probe = Probe {
            kind: Kind::Readiness,
            handler,
            timing: Timing {
                initial_delay: Duration::ZERO,
                period,
                timeout: Duration::from_secs(5),
            },
            thresholds: Thresholds::default(),
        };
        let facts = Facts {
            incarnation: "1".to_owned(),
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            running_for: Some(Duration::ZERO),
            terminating: false,
            was_ready: false,
        };
        // As long as the UIDs that a node would use.
        engine.set(&format!("00000000-0000-0000-0000-{number:012}"), vec![probe], facts);
    }
}

fn engine() -> (Engine, mpsc::UnboundedReceiver<probe_engine::Event>) {
    let (events, unheard) = mpsc::unbounded_channel();
    (Engine::new(NetworkProber::new().unwrap(), events), unheard)
}
