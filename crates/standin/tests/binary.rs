//! The program `nexus-standin`: it says where it listens, first of all, and refuses nonsense in plain words.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A started program that does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already; either way it must not stay.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_first_line_says_where_it_listens_and_it_does() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus-standin"));
    command.args([
        "exchange",
        "--listen",
        "127.0.0.1:0",
        "--seed",
        "3",
        "--speed",
        "10",
        "--coins",
        "8",
    ]);
    let mut running = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line
        .trim_end()
        .strip_prefix("listening on ")
        .expect("the first line is the address");
    let body = reqwest::get(format!("{url}/_state"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(body.contains(r#""connections":[]"#), "{body}");
}

#[test]
fn the_help_lists_the_faults() {
    let output = Command::new(env!("CARGO_BIN_EXE_nexus-standin"))
        .args(["exchange", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for fault in [
        "cut",
        "stall_all",
        "stall_topic",
        "refuse_upgrades",
        "malformed",
        "late_unsubscribe_ack",
        "http",
    ] {
        assert!(help.contains(fault), "{fault} is missing in the help");
    }
}

#[tokio::test]
async fn the_chain_says_where_it_listens_too() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus-standin"));
    command.args(["chain", "--listen", "127.0.0.1:0", "--seed", "3", "--chains", "2"]);
    command.args(["--block-every", "250ms", "--blocks", "5", "--shape", "0.16"]);
    let mut running = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line
        .trim_end()
        .strip_prefix("listening on ")
        .expect("the first line is the address");
    let ready = reqwest::get(format!("{url}/ready")).await.unwrap();
    assert_eq!(ready.text().await.unwrap(), "ready!");
}

#[test]
fn a_wrong_pace_stops_the_start() {
    for pace in ["soon", "-3s", "3h"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus-standin"));
        let output = command
            .args(["chain", &format!("--block-every={pace}")])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{pace}");
    }
}

#[test]
fn a_wrong_speed_stops_the_start() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus-standin"));
    let output = command.args(["exchange", "--speed", "0"]).output().unwrap();
    assert!(!output.status.success());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("the speed is between")
    );
}
