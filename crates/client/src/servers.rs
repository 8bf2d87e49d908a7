//! Which server to try next, when there are several.

use crate::ServerUrl;

/// Failures beyond this make a server no worse, so that it gets its turn again when the others fail too.
const WORST: u32 = 3;

/// The servers of one client, each with how often it failed since it last proved healthy. Never empty.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    all: Vec<(ServerUrl, u32)>,
    current: usize,
}

impl Servers {
    /// `first`, and others that may stand in for it.
    pub(crate) fn new(first: ServerUrl, others: Vec<ServerUrl>) -> Self {
        let all = std::iter::once(first).chain(others).map(|url| (url, 0)).collect();
        Servers { all, current: 0 }
    }

    /// The server in use, or to be tried next.
    pub(crate) fn current(&self) -> &ServerUrl {
        // `current` is only ever set to an index of `all`, which never shrinks.
        &self.all[self.current].0
    }

    /// The current server did not do. The healthiest other one is next; among equals the next in order.
    pub(crate) fn failed(&mut self) {
        let failures = &mut self.all[self.current].1;
        *failures = (*failures + 1).min(WORST);
        let count = self.all.len();
        let turn = (1..=count).map(|step| (self.current + step) % count);
        self.current = turn.min_by_key(|index| self.all[*index].1).unwrap_or(0);
    }

    /// The current server has proved healthy.
    pub(crate) fn proved(&mut self) {
        self.all[self.current].1 = 0;
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn servers(names: &[&str]) -> Servers {
        let mut urls = names
            .iter()
            .map(|name| ServerUrl::parse(name).expect("a test's address"));
        let first = urls.next().expect("at least one");
        Servers::new(first, urls.collect())
    }

    fn turns(servers: &mut Servers, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| {
                servers.failed();
                servers
                    .current()
                    .as_str()
                    .replace("ws://", "")
                    .replace("/v1/ws", "")
            })
            .collect()
    }

    #[test]
    fn all_get_their_turn_while_all_fail() {
        let mut servers = servers(&["a", "b", "c"]);
        assert_eq!(turns(&mut servers, 6), ["b", "c", "a", "b", "c", "a"]);
    }

    #[test]
    fn a_healthy_one_is_preferred_to_those_that_failed() {
        let mut servers = servers(&["a", "b", "c"]);
        turns(&mut servers, 4);
        servers.proved();
        assert_eq!(servers.current().as_str(), "ws://b/v1/ws");
        // It fails now: those that failed once are as good as it, and come first.
        assert_eq!(turns(&mut servers, 2), ["c", "b"]);
    }

    #[test]
    fn a_single_server_is_always_the_next() {
        assert_eq!(turns(&mut servers(&["a"]), 5), ["a"; 5]);
    }
}
