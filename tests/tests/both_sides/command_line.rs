//! The command line against the real server: `nexus sub` prints what is published, `nexus token` signs what the server
//! takes, `nexus check` says whether all is well.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Market, Programs, Settings, Stage, play};
use nexus_protocol::{FromServer, Payload, Push, decode_server};
use tokio::process::Command;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn sub_prints_the_trades_that_happen() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;

        let url = server.url();
        let args = [
            "sub",
            "trades",
            "--param",
            "symbol=BTC",
            "--json",
            "--count",
            "15",
            "--server",
            &url,
        ];
        let output = nexus(stage, &args).await?;

        let text = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "it ended with {}", output.status);
        let mut tape = nexus_e2e::Tape::default();
        for line in text.lines() {
            let message = decode_server(line).with_context(|| line.to_owned())?;
            if let FromServer::Push(Push::Publication(publication)) = &message {
                ensure!(matches!(publication.payload, Payload::Trades(_)), "{line}");
            }
            tape.take(&message);
        }
        ensure!(
            tape.trades().count() >= 15,
            "only {} trades came",
            tape.trades().count()
        );
        let account = tape.check(&exchange.trades("BTC", tape.begins().unwrap_or_default()).await?)?;
        ensure!(account.declared == 0, "{account:?}");
        Ok(())
    });
}

#[test]
fn sub_to_what_does_not_exist_says_so_and_fails() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;

        let url = server.url();
        let args = [
            "sub",
            "trades",
            "--param",
            "symbol=NOSUCHCOIN",
            "--count",
            "1",
            "--server",
            &url,
        ];
        let output = nexus(stage, &args).await?;

        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(
            !output.status.success() && output.stdout.is_empty(),
            "it succeeded: {output:?}"
        );
        ensure!(said.contains("NOSUCHCOIN"), "it said: {said}");
        Ok(())
    });
}

#[test]
fn a_token_of_the_command_line_is_taken_by_the_server() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;

        let output = nexus(stage, &["token", "--sub", "ann", "--role", "viewer"]).await?;

        let token = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "it ended with {}", output.status);
        ensure!(
            token.trim_end().lines().count() == 1 && !token.trim().contains(' '),
            "more than the token: {token}"
        );
        stage.keep_secret(token.trim());
        let mut wire = server.connect().await?;
        let welcome = wire.auth(token.trim()).await?;
        ensure!(welcome["payload"]["user"] == "ann", "{welcome}");
        Ok(())
    });
}

#[test]
fn check_says_that_all_is_well_and_what_is_not() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let url = server.url();

        let well = nexus(stage, &["check", "--server", &url]).await?;
        ensure!(well.status.success(), "all is well, but: {well:?}");
        ensure!(!well.stdout.is_empty(), "it says nothing");

        let gone = server.address();
        server.process().kill().await?;
        let ill = nexus(stage, &["check", "--server", &url]).await?;
        ensure!(!ill.status.success(), "nobody listens on {gone}, but: {ill:?}");
        let said = String::from_utf8([ill.stdout, ill.stderr].concat())?;
        ensure!(
            said.contains(&gone.to_string()),
            "it does not name the server: {said}"
        );
        Ok(())
    });
}

/// Runs the command line to its end, with the servers' secret in its environment.
async fn nexus(stage: &Stage, args: &[&str]) -> anyhow::Result<Output> {
    let Programs { cli, .. } = stage.programs();
    let mut command = Command::new(cli);
    command
        .args(args)
        .env("NEXUS_JWT_SECRET", stage.secret())
        .current_dir(stage.directory("nexus")?);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let log = stage.log("nexus");
    log.note(format!("[test] nexus {}", args.join(" ")));
    let output = timeout(LIMIT, command.output())
        .await
        .with_context(|| format!("nexus {args:?} did not end"))??;
    log.note(String::from_utf8_lossy(&output.stderr).into_owned());
    Ok(output)
}
