//! The order inside the server: pure parts know nobody, shared parts know pure ones, acting parts know both, wiring
//! knows all. A module may name modules of its own layer and of those before it.
//!
//! Three rules more: `hub`, `broker` and `commands` never name axum, and feeds know neither the hub nor connections.

use super::source::contains_word;
use super::{TextFile, Violation, code};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Pure,
    Shared,
    Acting,
    Wiring,
}

/// Where each module belongs; the longest matching path decides.
const MODULES: &[(&str, Layer)] = &[
    ("auth", Layer::Pure),
    ("origin", Layer::Pure),
    ("rate", Layer::Pure),
    ("filters", Layer::Pure),
    // What a message holds and its encoded form are values; ring and conflation work on them.
    ("content", Layer::Pure),
    ("deflate", Layer::Pure),
    ("frames", Layer::Pure),
    ("encoded", Layer::Pure),
    ("history", Layer::Pure),
    ("conflate", Layer::Pure),
    ("limits", Layer::Pure),
    ("idempotency", Layer::Pure),
    ("activity", Layer::Shared),
    ("command_desk", Layer::Shared),
    ("devices", Layer::Shared),
    ("namespaces", Layer::Pure),
    ("clock", Layer::Pure),
    ("feeds::hyperliquid::address", Layer::Pure),
    ("feeds::hyperliquid::wire", Layer::Pure),
    ("feeds::hyperliquid::number", Layer::Pure),
    ("feeds::linera::wire", Layer::Pure),
    ("metrics", Layer::Shared),
    ("mailbox", Layer::Shared),
    ("outbox", Layer::Shared),
    ("connections", Layer::Shared),
    ("hub", Layer::Shared),
    ("presence", Layer::Shared),
    ("revocations", Layer::Shared),
    ("broker", Layer::Shared),
    ("drain", Layer::Shared),
    ("commands", Layer::Acting),
    ("feeds", Layer::Acting),
    ("connection", Layer::Acting),
    ("engine", Layer::Acting),
    ("doors", Layer::Acting),
    ("gateway", Layer::Acting),
    ("app", Layer::Wiring),
    ("server", Layer::Wiring),
    ("router", Layer::Wiring),
    ("signals", Layer::Wiring),
    ("config", Layer::Wiring),
    ("main", Layer::Wiring),
];

const WITHOUT_AXUM: [&str; 3] = ["hub", "broker", "commands"];
const UNKNOWN_TO_FEEDS: [&str; 3] = ["hub", "connection", "doors"];

pub(super) fn check(file: &TextFile, found: &mut Vec<Violation>) {
    let Some(module) = module_of(&file.path) else {
        return;
    };
    let mut report = |line: usize, rule: &'static str, advice: String| {
        found.push(Violation {
            path: file.path.clone(),
            line,
            rule,
            advice,
        });
    };
    if module == "lib" {
        return;
    }
    let Some(layer) = layer_of(&module) else {
        report(
            1,
            "layers",
            format!("`{module}` has no layer: give it one in xtask/src/tidy/layers.rs"),
        );
        return;
    };

    // A test may build a whole server to put its module into.
    let is_test = module.split("::").any(|part| part == "tests");
    let code = code::only(&file.text);
    for (line, named) in named_modules(&code) {
        if UNKNOWN_TO_FEEDS.iter().any(|it| is_within(&named, it)) && is_within(&module, "feeds") {
            report(
                line,
                "feeds",
                format!("feeds know only the broker, not `{named}`: publish there"),
            );
        } else if !is_test && layer_of(&named).is_some_and(|its| its > layer) {
            report(
                line,
                "layers",
                format!(
                    "`{module}` is {layer:?} and must not name `{named}`, which comes later: hand it in as an argument"
                ),
            );
        }
    }
    if WITHOUT_AXUM.iter().any(|it| is_within(&module, it)) {
        for (index, _) in code
            .lines()
            .enumerate()
            .filter(|(_, line)| contains_word(line, "axum"))
        {
            report(
                index + 1,
                "axum",
                format!("`{module}` must not know axum: translate in the door"),
            );
        }
    }
}

/// `feeds/hyperliquid/mod.rs` is `feeds::hyperliquid`; `None` outside the server's sources.
fn module_of(path: &str) -> Option<String> {
    let module = path.strip_prefix("crates/server/src/")?.strip_suffix(".rs")?;
    Some(module.trim_end_matches("/mod").replace('/', "::"))
}

fn layer_of(module: &str) -> Option<Layer> {
    let fitting = MODULES.iter().filter(|(name, _)| is_within(module, name));
    fitting
        .max_by_key(|(name, _)| name.len())
        .map(|(_, layer)| *layer)
}

fn is_within(module: &str, outer: &str) -> bool {
    module
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every `crate::…` path in the code with its line; groups in braces are taken apart. Names of items stand at the end
/// of a path and do no harm there.
fn named_modules(code: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for (at, word) in code.match_indices("crate::") {
        if code[..at].ends_with(|char: char| char.is_alphanumeric() || char == '_') {
            continue;
        }
        spread(code, "", &code[at + word.len()..], &mut named);
    }
    named
}

/// Adds the paths of a use tree that starts at `rest`, the end of `code`, and returns what follows the tree.
fn spread<'a>(code: &str, prefix: &str, rest: &'a str, named: &mut Vec<(usize, String)>) -> &'a str {
    let end = rest
        .find(|char: char| !(char.is_alphanumeric() || matches!(char, '_' | ':')))
        .unwrap_or(rest.len());
    let path = format!("{prefix}{}", &rest[..end]);
    let after = &rest[end..];
    let Some(mut inside) = after
        .strip_prefix('{')
        .filter(|_| path.is_empty() || path.ends_with("::"))
    else {
        let line = code[..code.len() - rest.len()].matches('\n').count() + 1;
        named.push((line, path.trim_end_matches(':').to_owned()));
        return after;
    };
    loop {
        inside = inside.trim_start();
        if let Some(after) = inside.strip_prefix('}') {
            return after;
        }
        let after = spread(code, &path, inside, named);
        // Over ` as name` to the comma before the next branch or to the end of the group.
        match after.find([',', '}']) {
            Some(stop) => inside = after[stop..].trim_start_matches(','),
            None => return after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[track_caller]
    fn check_module(module: &str, text: &str, expected: &[(usize, &str)]) {
        fixture::check(check, &format!("crates/server/src/{module}.rs"), text, expected);
    }

    #[test]
    fn earlier_layers_and_ones_own_may_be_named() {
        check_module(
            "broker/embedded",
            "use crate::history::Ring;\nuse crate::hub::Seat;",
            &[],
        );
        check_module("app", "use crate::{broker, config::Config, feeds};", &[]);
        check_module("lib", "pub use crate::app::run;", &[]);
        fixture::check(check, "crates/client/src/hub.rs", "use crate::router;", &[]);
    }

    #[test]
    fn a_later_layer_is_found_in_every_way_of_naming_it() {
        check_module("history", "\nuse crate::hub::Hub;", &[(2, "layers")]);
        check_module("hub/mod", "fn f() { crate::router::routes() }", &[(1, "layers")]);
        check_module(
            "outbox",
            "use crate::{\n    history::Ring,\n    feeds::{self, Feed as F},\n};",
            &[(3, "layers"), (3, "layers")],
        );
    }

    #[test]
    fn a_test_in_a_file_of_its_own_may_name_a_later_layer() {
        check_module("history/tests/world", "use crate::config::Config;", &[]);
        check_module(
            "history/testsuite",
            "use crate::config::Config;",
            &[(1, "layers")],
        );
    }

    #[test]
    fn a_module_without_a_layer_is_found() {
        check_module("novelty", "", &[(1, "layers")]);
    }

    #[test]
    fn axum_in_the_core_is_found() {
        check_module("hub/seat", "use axum::Router;", &[(1, "axum")]);
        check_module(
            "commands/subscribe",
            "fn f() -> axum::Json<u8> {}",
            &[(1, "axum")],
        );
        check_module("doors/native", "use axum::Router;", &[]);
        check_module("hub", "// axum stays outside", &[]);
    }

    #[test]
    fn a_feed_that_knows_the_hub_is_found() {
        check_module("feeds/hyperliquid/mod", "use crate::hub::Hub;", &[(1, "feeds")]);
        check_module(
            "feeds/mod",
            "use crate::{broker::Broker, doors::native};",
            &[(1, "feeds")],
        );
        check_module("feeds/mod", "use crate::broker::Broker;", &[]);
    }

    #[test]
    fn use_trees_are_taken_apart() {
        let paths: Vec<_> = named_modules("use crate::{a::{b, c as d}, e::f};\ncrate::g::h()")
            .into_iter()
            .collect();
        let expected = [(1, "a::b"), (1, "a::c"), (1, "e::f"), (2, "g::h")];
        assert_eq!(paths, expected.map(|(line, path)| (line, path.to_owned())));
    }
}
