//! The servers that `bench` measures beside Nexus, without touching the system: packages of the distribution are unpacked
//! under `target/tools/bench`, so that nothing is installed and no service starts; packages of npm come by the lock file
//! of `xtask/peers`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::{distribution, on_path};
use crate::step::step;
use crate::{process, workspace};

/// Where programs stand in a package of the distribution.
const PROGRAM_DIRS: [&str; 3] = ["usr/sbin", "usr/bin", "usr/local/bin"];
const NCHAN_MODULE: &str = "ngx_nchan_module.so";
const NCHAN_DIRS: [&str; 3] = [
    "usr/lib/nginx/modules",
    "usr/lib64/nginx/modules",
    "usr/share/nginx/modules",
];
/// What `npm ci` was last done for.
const LOCK: &str = "package-lock.json";

/// A program of the distribution: the system's own, or one that was unpacked for us.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Where its libraries are, if they are not the system's.
    libraries: Option<PathBuf>,
}

impl Program {
    /// The command that runs it.
    pub(crate) fn command(&self) -> Command {
        self.prepare(Command::new(&self.path))
    }

    /// The same command with what the program needs to find its libraries.
    pub(crate) fn prepare(&self, mut command: Command) -> Command {
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

/// nginx and the module nchan.
pub(crate) fn nginx() -> anyhow::Result<(Program, PathBuf)> {
    let find = || {
        let program = find("nginx")?;
        let module = NCHAN_DIRS
            .iter()
            .flat_map(|dir| [unpacked().join(dir), Path::new("/").join(dir)])
            .map(|dir| dir.join(NCHAN_MODULE))
            .find(|module| module.is_file())?;
        Some((program, module))
    };
    let (program, module) = find_or_unpack(find, "nginx with nchan", &["nginx", "libnginx-mod-nchan"])?;
    if module.starts_with(unpacked()) {
        let bytes = std::fs::read(&module)?;
        if let Some(moved) = with_own_place(bytes) {
            std::fs::write(&module, moved)?;
        }
    }
    Ok((program, module))
}

/// nchan insists on a directory that only an installed nginx has: its directive for another one is always a duplicate to
/// it. So our copy gets a name of the same length that is relative to where nginx runs.
fn with_own_place(mut module: Vec<u8>) -> Option<Vec<u8>> {
    const INSTALLED: &[u8; 20] = b"/var/lib/nginx/body\0";
    const OWN: &[u8; 20] = b"nchan-messages-body\0";
    let at = module.windows(INSTALLED.len()).position(|it| it == INSTALLED)?;
    module[at..at + OWN.len()].copy_from_slice(OWN);
    Some(module)
}

/// nats-server.
pub(crate) fn nats() -> anyhow::Result<Program> {
    find_or_unpack(|| find("nats-server"), "nats-server", &["nats-server"])
}

/// mosquitto.
pub(crate) fn mosquitto() -> anyhow::Result<Program> {
    find_or_unpack(|| find("mosquitto"), "mosquitto", &["mosquitto"])
}

/// Node, and the directory with the server scripts and their packages.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) program: Program,
    pub(crate) dir: PathBuf,
}

/// Node with `ws` and `socket.io`, at the versions of the lock file.
pub(crate) fn node() -> anyhow::Result<Node> {
    let program = find_or_unpack(|| find("node"), "node", &["nodejs"])?;
    let scripts = workspace::root().join("xtask/peers");
    let dir = workspace::tools().join("bench/npm");
    let wanted = std::fs::read(scripts.join(LOCK)).context("cannot read xtask/peers/package-lock.json")?;
    let installed = dir.join("installed.json");
    if std::fs::read(&installed).is_ok_and(|it| it == wanted) {
        return Ok(Node { program, dir });
    }
    let npm = on_path("npm")
        .context("npm is not on the PATH: install it (`apt-get install npm` on Debian) and run this again")?;
    step("ws and socket.io from npm, once, into target/tools/bench", || {
        std::fs::create_dir_all(&dir)?;
        for file in [LOCK, "package.json"] {
            std::fs::copy(scripts.join(file), dir.join(file))?;
        }
        let mut install = Command::new(npm);
        install
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(&dir);
        process::run(&mut install).context("cannot install ws and socket.io from npm: see above")?;
        Ok(std::fs::write(&installed, &wanted)?)
    })?;
    Ok(Node { program, dir })
}

impl Node {
    /// The installed version of a package.
    pub(crate) fn version_of(&self, package: &str) -> Option<String> {
        let path = self.dir.join("node_modules").join(package).join("package.json");
        let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        manifest["version"].as_str().map(str::to_owned)
    }
}

fn unpacked() -> PathBuf {
    workspace::tools().join("bench/root")
}

/// A program on the PATH, where administrators have theirs, or among what was unpacked.
fn find(name: &str) -> Option<Program> {
    let of_the_system = on_path(name).or_else(|| {
        let path = Path::new("/usr/sbin").join(name);
        path.is_file().then_some(path)
    });
    if let Some(path) = of_the_system {
        return Some(Program {
            path,
            libraries: None,
        });
    }
    let root = unpacked();
    let path = PROGRAM_DIRS
        .iter()
        .map(|dir| root.join(dir).join(name))
        .find(|path| path.is_file())?;
    Some(Program {
        path,
        libraries: libraries(&root),
    })
}

/// The directory with shared libraries: `usr/lib/x86_64-linux-gnu` or that of another machine.
fn libraries(root: &Path) -> Option<PathBuf> {
    std::fs::read_dir(root.join("usr/lib"))
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains("-linux-"))
}

fn find_or_unpack<T>(find: impl Fn() -> Option<T>, what: &str, packages: &[&str]) -> anyhow::Result<T> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let by_hand = format!(
        "install {what} and run this again: `apt-get install {}`",
        packages.join(" ")
    );
    let Some(apt_get) = on_path("apt-get") else {
        bail!("{what} is not here, and neither is apt-get to fetch it: {by_hand}");
    };
    step(
        &format!("{what} from the distribution, once, into target/tools/bench"),
        || unpack(&apt_get, packages).with_context(|| by_hand.clone()),
    )?;
    find().with_context(|| format!("{what} was unpacked but is not where it should be: {by_hand}"))
}

/// Fetches the packages with all that they need and the system lacks, and unpacks them.
fn unpack(apt_get: &Path, packages: &[&str]) -> anyhow::Result<()> {
    let simulate = || {
        let mut command = Command::new(apt_get);
        command
            .args(["install", "--simulate", "--no-install-recommends"])
            .args(packages);
        process::answer(&mut command)
    };
    let plan = match simulate() {
        Some(plan) => plan,
        // The lists of packages may be missing or old.
        None => {
            distribution::update()?;
            simulate().context("apt-get knows no such package")?
        }
    };
    let needed = packages_in(&plan);
    let dir = workspace::tools().join("bench/packages");
    std::fs::create_dir_all(&dir)?;
    let download = || {
        let mut command = Command::new(apt_get);
        command
            // It may not be able to write here as the user that it would take.
            .args(["-o", "APT::Sandbox::User=root", "download", "-q"])
            .args(&needed)
            .current_dir(&dir);
        process::run(&mut command)
    };
    if download().is_err() {
        // The lists name versions that are gone.
        distribution::update()?;
        download()?;
    }
    for package in std::fs::read_dir(&dir)? {
        let path = package?.path();
        if path.extension().is_some_and(|it| it == "deb") {
            let mut command = Command::new("dpkg-deb");
            command.arg("--extract").arg(&path).arg(unpacked());
            process::run(&mut command)?;
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The packages that a simulated installation would install: lines like `Inst nginx (1.22.1-9 Debian:12.15 [amd64])`.
fn packages_in(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_copy_of_nchan_writes_beside_us() {
        let moved = with_own_place(b"\0/var/lib/nginx/body\0/var/lib/nginx/body2".to_vec()).unwrap();
        assert_eq!(moved, b"\0nchan-messages-body\0/var/lib/nginx/body2");
        assert_eq!(with_own_place(moved), None);
    }

    #[test]
    fn the_plan_names_what_is_to_be_fetched() {
        let plan = "Reading package lists...\nInst libcjson1 (1.7.15-1 Debian:12 [amd64])\n\
            Inst nats-server [2.9.9] (2.9.10-1+b3 Debian:12.15/oldstable [amd64])\nConf libcjson1 (1.7.15-1)\n";
        assert_eq!(packages_in(plan), ["libcjson1", "nats-server"]);
        assert!(packages_in("0 upgraded").is_empty());
    }
}
