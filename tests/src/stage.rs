//! One test: everything that takes part in it, from the first start to the last look at the logs.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::browser::Browser;
use crate::exchange::{Exchange, Market};
use crate::log::Log;
use crate::process::{Process, Recipe};
use crate::programs::Programs;
use crate::server::{Server, Settings};
use crate::token::{self, Claims};

/// How long one test may take; beyond it something hangs.
const TEST_LIMIT: Duration = Duration::from_secs(480);

/// Where pictures of failed tests go.
const FAILURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/e2e-failures");

/// What takes part in one test. Everything that was started here ends with it.
#[derive(Debug)]
pub struct Stage {
    test: String,
    programs: Programs,
    dir: TempDir,
    secret: String,
    tokens: RefCell<Vec<String>>,
    logs: RefCell<Vec<Log>>,
    /// Kept running until the end, so that a picture of a failure shows the failure and not the tidying up.
    processes: RefCell<Vec<Process>>,
    browsers: RefCell<Vec<Rc<Browser>>>,
    started: Cell<u32>,
}

/// Runs a test on a stage of its own.
///
/// # Panics
/// If the test fails, a server panicked, a log contains a token, or a page complained in its console. Logs and pictures
/// are shown before.
pub fn play(test: impl AsyncFnOnce(&Stage) -> anyhow::Result<()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    let stage = Stage::new().unwrap_or_else(|error| panic!("{error:#}"));
    let body = async {
        timeout(TEST_LIMIT, test(&stage))
            .await
            .unwrap_or_else(|_| Err(anyhow!("the test was not done after {TEST_LIMIT:?}")))?;
        stage.judge().await
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(body)))
        .unwrap_or_else(|_| Err(anyhow!("the test panicked, see above")));
    let report = outcome.err().map(|error| {
        let pictures = runtime.block_on(stage.take_pictures());
        format!("{error:#}\n{pictures}\n{}", stage.shown_logs())
    });
    runtime.block_on(stage.clear_away());
    runtime.shutdown_timeout(Duration::from_secs(5));
    if let Some(report) = report {
        panic!("{report}");
    }
}

impl Stage {
    fn new() -> anyhow::Result<Self> {
        let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
        Ok(Stage {
            test,
            programs: Programs::from_env()?,
            dir: TempDir::with_prefix("nexus-e2e-")?,
            secret: (0..48).map(|_| fastrand::alphanumeric()).collect(),
            tokens: RefCell::default(),
            logs: RefCell::default(),
            processes: RefCell::default(),
            browsers: RefCell::default(),
            started: Cell::new(0),
        })
    }

    /// Where the programs are.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The servers' secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// A new, empty directory that goes with the stage.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let number = self.started.replace(self.started.get() + 1);
        let path = self.dir.path().join(format!("{name}-{number}"));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// A token for the servers. No log may ever contain it.
    ///
    /// # Errors
    /// If signing fails.
    pub fn token(&self, claims: &Claims) -> anyhow::Result<String> {
        let token = token::sign(claims, &self.secret)?;
        self.keep_secret(&token);
        Ok(token)
    }

    /// From now on the test fails if a server's log contains this.
    pub fn keep_secret(&self, token: &str) {
        self.tokens.borrow_mut().push(token.to_owned());
    }

    /// Starts an exchange.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn exchange(&self, market: Market) -> anyhow::Result<Exchange> {
        let log = self.log("exchange");
        let exchange = Exchange::start(&self.programs, market, self.directory("exchange")?, log).await?;
        self.processes.borrow_mut().push(exchange.process().clone());
        Ok(exchange)
    }

    /// Starts a server in front of an exchange, with the dashboard.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn server(&self, exchange: &Exchange, settings: Settings) -> anyhow::Result<Server> {
        self.server_before(Some(exchange.url()), settings).await
    }

    /// Starts a server in front of whatever listens at an address, or of nothing.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn server_before(&self, upstream: Option<&str>, settings: Settings) -> anyhow::Result<Server> {
        let dir = self.directory("server")?;
        let mut envs = vec![
            ("NEXUS_DATA_DIR".to_owned(), dir.join("data").into_os_string()),
            ("NEXUS_JWT_SECRET".to_owned(), self.secret.clone().into()),
            (
                "NEXUS_WEB_DIR".to_owned(),
                self.programs.dist.clone().into_os_string(),
            ),
        ];
        // As the demo has it: whoever looks may look, as often as a test wants, at what is marked as simulated.
        let demo = [
            ("NEXUS_ANONYMOUS", "prices,orderbook,trades,candles"),
            ("NEXUS_EXEMPT_LOOPBACK", "true"),
            ("NEXUS_HYPERLIQUID_SIMULATED", "true"),
            ("NEXUS_LOG", "info,nexus_server=debug"),
        ];
        envs.extend(demo.map(|(name, value)| (name.to_owned(), value.into())));
        envs.extend(upstream.map(|url| ("NEXUS_HYPERLIQUID_URL".to_owned(), url.into())));
        envs.extend(settings.variables());
        let recipe = Recipe {
            binary: self.programs.server.clone(),
            args: Vec::new(),
            envs,
            dir,
            greeting: "listening on http://",
        };
        let server = Server::start(recipe, self.log("server")).await?;
        self.processes.borrow_mut().push(server.process().clone());
        Ok(server)
    }

    /// Starts any other program, and waits until it says that it is there.
    ///
    /// # Errors
    /// If it does not.
    pub async fn program(
        &self,
        name: &str,
        binary: &Path,
        args: &[String],
        greeting: &'static str,
    ) -> anyhow::Result<Process> {
        let recipe = Recipe {
            binary: binary.to_owned(),
            args: args.iter().map(Into::into).collect(),
            // Trunk takes the usual NO_COLOR=1 for a wrong value of a flag of its own.
            envs: vec![("NO_COLOR".to_owned(), "true".into())],
            dir: self.directory(name)?,
            greeting,
        };
        let process = Process::start(&recipe, &self.log(name)).await?;
        self.processes.borrow_mut().push(process.clone());
        Ok(process)
    }

    /// Starts a browser.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn browser(&self) -> anyhow::Result<Rc<Browser>> {
        let browser = Rc::new(Browser::start(&self.programs, self.log("browser")).await?);
        self.browsers.borrow_mut().push(browser.clone());
        Ok(browser)
    }

    /// A log that is shown when the test fails.
    pub fn log(&self, name: &str) -> Log {
        let mut logs = self.logs.borrow_mut();
        let number = logs.iter().filter(|log| log.name().starts_with(name)).count() + 1;
        let log = Log::new(format!("{name} {number}"));
        logs.push(log.clone());
        log
    }

    /// What must be so after every test.
    async fn judge(&self) -> anyhow::Result<()> {
        let browsers = self.browsers.borrow().clone();
        for browser in browsers {
            browser.console_is_clean().await?;
        }
        for log in self.logs.borrow().iter() {
            if let Some(line) = log.find("panicked at") {
                return Err(anyhow!("{} panicked: {line}", log.name()));
            }
            let is_server = log.name().starts_with("server");
            for token in self.tokens.borrow().iter().filter(|_| is_server) {
                // The signature alone would do to find the rest.
                let signature = token
                    .rsplit('.')
                    .next()
                    .filter(|part| !part.is_empty())
                    .unwrap_or(token);
                ensure!(
                    log.find(signature).is_none(),
                    "the log of {} contains a token",
                    log.name()
                );
            }
        }
        Ok(())
    }

    /// Pictures and markup of all pages, for those who look for the cause of a failure.
    async fn take_pictures(&self) -> String {
        let browsers = self.browsers.borrow().clone();
        let mut lines = Vec::new();
        for (number, browser) in browsers.iter().enumerate() {
            let base = Path::new(FAILURES).join(format!("{}-{}", self.test, number + 1));
            let saved = async {
                std::fs::create_dir_all(FAILURES)?;
                browser.picture().await?.save(&base.with_extension("png"))?;
                std::fs::write(base.with_extension("html"), browser.markup().await?)?;
                let console = browser.console().await?.join("\n");
                anyhow::Ok(format!(
                    "the page: {}.png and .html; its console:\n{console}",
                    base.display()
                ))
            };
            lines.push(match timeout(Duration::from_secs(20), saved).await {
                Ok(Ok(line)) => line,
                Ok(Err(error)) => format!("no picture of the page: {error:#}"),
                Err(_) => "no picture of the page: the browser hangs".to_owned(),
            });
        }
        lines.join("\n")
    }

    fn shown_logs(&self) -> String {
        let logs = self.logs.borrow();
        logs.iter()
            .map(|log| format!("--- {} ---\n{}", log.name(), log.tail()))
            .collect::<Vec<_>>()
            .join("\n")
    }

    async fn clear_away(self) {
        for browser in self.browsers.take() {
            if let Some(browser) = Rc::into_inner(browser) {
                browser.quit().await;
            }
        }
    }
}
