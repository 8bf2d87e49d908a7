//! What is started on a leash ends when the leash is let go, grandchildren and the stubborn included.
//!
//! All processes of a group hold the write end of one pipe: reading its end proves that every one of them is gone.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

fn on_leash(grace_ms: u32, script: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["__leash", &grace_ms.to_string(), "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the leash starts")
}

fn wait_for_line(stdout: &mut BufReader<ChildStdout>, expected: &str) {
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    assert_eq!(line.trim(), expected);
}

/// Panics when somebody still holds the pipe after a long time.
fn wait_until_all_are_gone(mut stdout: BufReader<ChildStdout>) {
    let (sender, gone) = channel();
    std::thread::spawn(move || sender.send(stdout.read_to_end(&mut Vec::new())));
    let read = gone
        .recv_timeout(PATIENCE)
        .expect("every process lets go of the pipe");
    read.expect("the pipe can be read");
}

#[test]
fn letting_go_ends_the_program_and_its_children() {
    let mut leash = on_leash(10_000, "sleep 1000 & echo ready; wait");
    let mut stdout = BufReader::new(leash.stdout.take().expect("piped"));
    wait_for_line(&mut stdout, "ready");

    drop(leash.stdin.take());

    wait_until_all_are_gone(stdout);
    assert!(!leash.wait().expect("ends").success());
}

#[test]
fn who_ignores_the_request_to_end_is_killed() {
    let mut leash = on_leash(
        100,
        "trap '' TERM; sleep 1000 & echo ready; wait; wait; sleep 1000",
    );
    let mut stdout = BufReader::new(leash.stdout.take().expect("piped"));
    wait_for_line(&mut stdout, "ready");

    drop(leash.stdin.take());

    wait_until_all_are_gone(stdout);
    leash.wait().expect("ends");
}

#[test]
fn the_leash_exits_as_its_program_did_and_ends_what_it_left_behind() {
    let mut leash = on_leash(10_000, "sleep 1000 & exit 7");
    let stdout = BufReader::new(leash.stdout.take().expect("piped"));

    wait_until_all_are_gone(stdout);
    assert_eq!(leash.wait().expect("ends").code(), Some(7));
}

#[test]
fn death_of_the_holder_by_kill_9_lets_go() {
    // The shell holds the pipe to the leash and dies without a chance to tidy up.
    let script = format!(
        "mkfifo leash.pipe; {} __leash 10000 sh -c 'echo ready; exec sleep 1000' < leash.pipe & exec 3> leash.pipe; \
         exec sleep 1000",
        env!("CARGO_BIN_EXE_xtask")
    );
    let dir = tempfile::tempdir().expect("a directory");
    let mut holder = Command::new("sh")
        .args(["-c", &script])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the holder starts");
    let mut stdout = BufReader::new(holder.stdout.take().expect("piped"));
    wait_for_line(&mut stdout, "ready");

    holder.kill().expect("kill -9");
    holder.wait().expect("dead");

    wait_until_all_are_gone(stdout);
}
