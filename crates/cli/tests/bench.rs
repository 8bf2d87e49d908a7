//! `nexus bench`, run as people run it, against a server of topics on bare WebSockets that makes mistakes when told to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod nexus;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use nexus::{Done, Nexus};
use serde_json::Value;

/// What the server does to a message that it delivers to its first subscriber.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    Lose,
    Repeat,
    Swap,
}

/// The message, of those on their way to the first subscriber, that a mistake happens to.
const MISTAKEN: usize = 20;

#[tokio::test]
async fn what_is_delivered_is_counted() {
    let done = bench(
        Mistake::None,
        &["--subscribers", "7", "--topics", "3", "--rate", "300"],
    )
    .await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    for (field, expected) in [
        ("subscribers", 7),
        ("topics", 3),
        ("payload_bytes", 128),
        ("faults", 0),
    ] {
        assert_eq!(report[field], expected, "{field}: {report}");
    }
    assert_eq!(
        (&report["as"], &report["scenario"]),
        (&"ws".into(), &"fanout".into())
    );
    let (published, deliveries) = (number(&report, "published"), number(&report, "deliveries"));
    assert!(published > 0.0 && deliveries > published, "{report}");
    let latency = &report["latency_ms"];
    assert!(number(latency, "p50") > 0.0, "{report}");
    assert!(number(latency, "p50") <= number(latency, "max"), "{report}");
    assert!(
        report["server_cpu_us_per_delivery"].is_null(),
        "nobody said which process it is"
    );
}

#[tokio::test]
async fn a_server_that_sets_the_pace_is_given_no_more_than_the_window() {
    let arguments = ["--subscribers", "3", "--rate", "0", "--window", "5"];
    let done = bench(Mistake::None, &arguments).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert!(number(&report, "deliveries") > 0.0, "{report}");
    assert_eq!((&report["rate"], &report["window"]), (&0.0.into(), &5.into()));
}

#[tokio::test]
async fn each_fault_fails_the_run_and_is_named() {
    for (mistake, lost, repeated, reordered) in [
        (Mistake::Lose, 1, 0, 0),
        (Mistake::Repeat, 0, 1, 0),
        (Mistake::Swap, 0, 0, 1),
    ] {
        let done = bench(mistake, &["--subscribers", "2", "--rate", "200"]).await;
        let sentence =
            format!("nexus: {lost} deliveries were lost, {repeated} repeated, {reordered} out of order\n");
        assert_eq!((done.code, done.stderr), (1, sentence));
        let report: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(
            (&report["lost"], &report["repeated"], &report["reordered"]),
            (&lost.into(), &repeated.into(), &reordered.into())
        );
    }
}

#[tokio::test]
async fn every_scenario_says_what_it_measured() {
    let pid = std::process::id().to_string();
    for (scenario, fields) in [
        ("idle", ["idle", "after_burst"]),
        ("connect", ["connects_per_core_second", "connect_ms"]),
        ("churn", ["memory_growth_bytes", "files_after"]),
        ("slow", ["memory_peak_bytes", "deliveries"]),
    ] {
        let mut arguments = vec!["--scenario", scenario, "--pid", &pid, "--subscribers", "20"];
        arguments.extend([
            "--cycles",
            "100",
            "--bytes",
            "20000",
            "--dead",
            "10",
            "--sources",
            "2",
        ]);
        let done = bench(Mistake::None, &arguments).await;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{scenario}");
        let report: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(report["scenario"], scenario);
        for field in fields {
            assert!(
                report.get(field).is_some_and(|it| !it.is_null()),
                "{field}: {report}"
            );
        }
        if scenario == "slow" {
            assert_eq!(report["dead"], 2);
            assert_eq!(number(&report, "deliveries"), 18.0 * 156.0);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_measured_is_a_sentence() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}");
    for (arguments, part) in [
        (vec!["--size", "20"], "a payload has at least 56 bytes"),
        (
            vec!["--as", "mqtt", "--deflate"],
            "--deflate is not for --as mqtt",
        ),
        (vec!["--as", "ws", "--subscribers", "2"], "Connection refused"),
        (vec!["--as", "ws", "--subscribers", "900000000"], "ulimit -Hn"),
    ] {
        let mut all = vec!["bench", "--server", &url];
        all.extend(arguments);
        let done = Nexus::run(&all).done().await;
        assert_eq!(done.code, 1);
        assert!(done.stderr.contains(part), "{}", done.stderr);
    }
}

#[tokio::test]
async fn a_server_that_does_not_compress_is_found_out() {
    let done = bench(Mistake::None, &["--deflate", "--subscribers", "1"]).await;
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("does not compress"), "{}", done.stderr);
}

#[tokio::test]
async fn all_its_connections_sign_in_with_the_token_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bench.token");
    std::fs::write(&file, "good\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let head = std::thread::spawn(move || head_of(&mut listener.accept().unwrap().0));
    let args = ["bench", "--server", &url, "--token-file", file.to_str().unwrap()];
    let done = Nexus::run(&[&args[..], &["--subscribers", "1"]].concat())
        .done()
        .await;
    assert_eq!(done.code, 1, "the server is gone right after");
    let head = head.join().unwrap();
    assert!(head.contains("Authorization: Bearer good\r\n"), "{head}");
}

#[tokio::test]
async fn a_server_that_limits_it_is_said_to_need_other_settings() {
    let too_many = [0x88, 2, 0x0f, 0xbd];
    let limited = br#"{"type":"error","payload":{"code":"RATE_LIMITED"}}"#;
    let limited = [&[0x81, limited.len() as u8], &limited[..]].concat();
    for answer in [&too_many[..], &limited] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = [b"HTTP/1.1 101 Switching Protocols\r\n\r\n", answer].concat();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            head_of(&mut stream);
            stream.write_all(&answer).unwrap();
            // Until the load has left.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let done = Nexus::run(&["bench", "--server", &url, "--subscribers", "1"])
            .done()
            .await;
        assert_eq!(done.code, 1);
        for setting in [
            "NEXUS_EXEMPT_LOOPBACK=true",
            "NEXUS_MESSAGES_PER_MINUTE=4294967295",
        ] {
            assert!(done.stderr.contains(setting), "{}", done.stderr);
        }
    }
}

fn number(report: &Value, field: &str) -> f64 {
    report[field]
        .as_f64()
        .unwrap_or_else(|| panic!("{field}: {report}"))
}

async fn bench(mistake: Mistake, arguments: &[&str]) -> Done {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || serve(&listener, mistake));
    let mut all = vec![
        "bench", "--as", "ws", "--server", &url, "--time", "300ms", "--json",
    ];
    all.extend(arguments);
    Nexus::run(&all).done().await
}

struct Subscriber {
    topic: String,
    stream: TcpStream,
    /// A message that is to come behind the next one.
    kept: Vec<u8>,
    received: usize,
}

type Subscribers = Arc<Mutex<Vec<Subscriber>>>;

/// Serves everyone who comes, for as long as the tests run.
fn serve(listener: &TcpListener, mistake: Mistake) {
    let subscribers = Subscribers::default();
    for stream in listener.incoming() {
        let (stream, subscribers) = (stream.unwrap(), Arc::clone(&subscribers));
        std::thread::spawn(move || {
            // Whoever breaks off has left.
            let _ = serve_one(stream, &subscribers, mistake);
        });
    }
}

fn serve_one(mut stream: TcpStream, subscribers: &Subscribers, mistake: Mistake) -> std::io::Result<()> {
    let head = head_of(&mut stream);
    let path = head.split(' ').nth(1).unwrap().to_owned();
    if let Some(topic) = path.strip_prefix("/sub/") {
        subscribers.lock().unwrap().push(Subscriber {
            topic: topic.to_owned(),
            stream: stream.try_clone()?,
            kept: Vec::new(),
            received: 0,
        });
    }
    stream.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    )?;
    let peer = stream.peer_addr()?;
    while let Ok((opcode, payload)) = frame_of(&mut stream) {
        if opcode == 8 {
            break;
        }
        let text = String::from_utf8(payload).unwrap();
        let (topic, message) = text.split_once(' ').unwrap();
        let mut frame = vec![0x81, 126];
        frame.extend_from_slice(&(message.len() as u16).to_be_bytes());
        frame.extend_from_slice(message.as_bytes());
        let mut all = subscribers.lock().unwrap();
        for (index, subscriber) in all.iter_mut().filter(|it| it.topic == topic).enumerate() {
            let mistake = if index == 0 { mistake } else { Mistake::None };
            subscriber.deliver(&frame, mistake);
        }
    }
    let mut all = subscribers.lock().unwrap();
    all.retain(|it| it.stream.peer_addr().is_ok_and(|address| address != peer));
    stream.shutdown(Shutdown::Both)
}

/// The head of a request.
fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

impl Subscriber {
    fn deliver(&mut self, frame: &[u8], mistake: Mistake) {
        self.received += 1;
        let frames = match mistake {
            _ if self.received == MISTAKEN + 1 => [frame, &std::mem::take(&mut self.kept)].concat(),
            _ if self.received != MISTAKEN => frame.to_vec(),
            Mistake::None => frame.to_vec(),
            Mistake::Lose => Vec::new(),
            Mistake::Repeat => [frame, frame].concat(),
            Mistake::Swap => {
                self.kept = frame.to_vec();
                Vec::new()
            }
        };
        // Whoever does not take it any more has left.
        let _ = self.stream.write_all(&frames);
    }
}

/// The next frame of a client, whose mask is of zeros.
fn frame_of(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut header = [0; 2];
    stream.read_exact(&mut header)?;
    let length = match header[1] & 0x7f {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            usize::from(u16::from_be_bytes(length))
        }
        small => usize::from(small),
    };
    let mut mask = [1; 4];
    stream.read_exact(&mut mask)?;
    assert_eq!(mask, [0; 4]);
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload)?;
    Ok((header[0] & 0x0f, payload))
}
