//! The settings that there are.

/// A setting that there is.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in the file; `NEXUS_` and the name in capitals in the environment.
    pub name: &'static str,
    /// What holds when nobody says anything; empty for none.
    pub default: &'static str,
    /// What it means, and in which unit.
    pub meaning: &'static str,
}

/// Every setting. `docs/OPERATING.md` shows this list, and a test keeps the two equal.
pub const SETTINGS: &[Setting] = &[
    setting(
        "bind",
        "127.0.0.1:8080",
        "Where to listen. Port 0 takes a free one.",
    ),
    setting(
        "data_dir",
        "./nexus-data",
        "What is kept on disk: the secret that was made on the first start, and durable channels.",
    ),
    setting(
        "web_dir",
        "",
        "The directory of the dashboard's files; without it the server serves no dashboard.",
    ),
    setting(
        "allowed_origins",
        "",
        "Pages that may connect, with commas between, like `https://app.example`; `*` for all. Empty: the page's host and port must be the server's own, or, while the server is bound to loopback, be on this machine.",
    ),
    setting(
        "trusted_proxies",
        "",
        "Addresses or networks of proxies, with commas between, whose `X-Forwarded-For` is believed. Empty: none.",
    ),
    setting(
        "jwt_secret",
        "",
        "The secret that tokens are signed with (HS256), at least 32 bytes. Empty: made once and kept in `data_dir/jwt-secret`.",
    ),
    setting(
        "jwt_algorithm",
        "HS256",
        "`HS256` (shared secret) or `EdDSA` (public key). Tokens of any other algorithm are refused.",
    ),
    setting(
        "jwt_public_key",
        "",
        "With `EdDSA`: the PEM file of the public key.",
    ),
    setting(
        "jwt_leeway_secs",
        "30",
        "How far the clock that made a token may be ahead of ours, in seconds.",
    ),
    setting(
        "jwt_max_age_secs",
        "",
        "The longest life of a token from `iat` to `exp`, in seconds; tokens that live longer, or do not say, are refused. Revocations are forgotten after so long. Empty: tokens may live for any time, and revocations stand for ever.",
    ),
    setting(
        "anonymous",
        "",
        "Channels that may be read without a token, with commas between, like `prices,trades,room:*`; who is in those rooms may be seen too. Empty: none but those of namespaces with `subscribe=anyone`.",
    ),
    setting(
        "messages_per_minute",
        "100",
        "Messages that a client may send in any 60 seconds.",
    ),
    setting(
        "errors_per_minute",
        "10",
        "Refusals that a client may earn in any 60 seconds; one more closes the connection.",
    ),
    setting(
        "connections_per_minute",
        "10",
        "New connections in any 60 seconds from one address (IPv6: from one /64).",
    ),
    setting(
        "exempt_loopback",
        "false",
        "Whether connections from this machine are not counted against `connections_per_minute`.",
    ),
    setting(
        "message_bytes",
        "131072",
        "The largest message of a client, in bytes.",
    ),
    setting("subscriptions", "256", "Subscriptions of one connection."),
    setting(
        "outbox_bytes",
        "1048576",
        "What may wait for a client that reads slowly, in bytes.",
    ),
    setting(
        "compression",
        "true",
        "Whether clients that offer `permessage-deflate` get it. Browsers do. See below.",
    ),
    setting(
        "compression_level",
        "2",
        "How hard messages are compressed, from 1 (fastest) to 9 (smallest).",
    ),
    setting(
        "compression_window_bits",
        "15",
        "How far back repeats are looked for, as a power of two, 9 to 15. Clients that want it smaller are not compressed for.",
    ),
    setting(
        "compression_from_bytes",
        "512",
        "Messages below this many bytes are not compressed.",
    ),
    setting(
        "sign_in_secs",
        "10",
        "How long a client may take to sign in, where it must, in seconds.",
    ),
    setting(
        "heartbeat_secs",
        "15",
        "How often clients are told to ping when nothing comes, in seconds.",
    ),
    setting(
        "ping_secs",
        "30",
        "How often the server pings each client, in seconds.",
    ),
    setting(
        "idle_secs",
        "60",
        "A client that nothing came from for so long is closed, in seconds.",
    ),
    setting(
        "slow_secs",
        "10",
        "A client that takes nothing for so long although something waits for it is closed (4008), in seconds.",
    ),
    setting("topics", "10000", "The most topics at a time."),
    setting(
        "history_publications",
        "1000",
        "Publications that the history of one topic keeps.",
    ),
    setting(
        "history_bytes",
        "1048576",
        "Bytes that the history of one topic keeps.",
    ),
    setting(
        "telemetry_history",
        "500",
        "Publications of each device that `history` keeps, as far as there is room.",
    ),
    setting(
        "history_total_bytes",
        "268435456",
        "Bytes that all histories hold together; beyond that, the topics unused longest keep their newest only.",
    ),
    setting(
        "store",
        "true",
        "Whether durable channels survive a restart, in `data_dir/store`; `false` keeps them in memory only.",
    ),
    setting(
        "replay",
        "200",
        "Publications that a new subscriber gets first, on channels without a snapshot.",
    ),
    setting(
        "forget_secs",
        "300",
        "A topic that nobody listens to and nothing was published on for so long is forgotten, in seconds.",
    ),
    setting(
        "namespaces",
        "",
        "Channels of your own, with commas between, each a name and words: `news history=10 subscribe=anyone`. There is always `room`; say it to change it. See below.",
    ),
    setting(
        "presence_grace_secs",
        "5",
        "How long someone in a room whose connection was lost is still shown as there, in seconds.",
    ),
    setting(
        "dangerous_commands",
        "reboot,factory_reset,shutdown",
        "Commands to devices that are refused without `\"confirm\":true`, with commas between; a name, or a prefix like `firmware.*`. Empty: none.",
    ),
    setting(
        "hyperliquid_url",
        "",
        "The base address of the exchange, like `https://api.hyperliquid.xyz`. Empty: no market.",
    ),
    setting(
        "hyperliquid_simulated",
        "false",
        "Whether that is a stand-in and not the real exchange; people are then told so.",
    ),
    setting(
        "linera_url",
        "",
        "The base address of a Linera node service, like `http://127.0.0.1:8081`. Empty: no chains.",
    ),
    setting(
        "linera_simulated",
        "false",
        "Whether that is a stand-in and not a real node; people are then told so.",
    ),
    setting(
        "log",
        "info",
        "What is logged: `error`, `warn`, `info`, `debug`, `trace`, or by module like `info,nexus_server::feeds=debug`.",
    ),
    setting(
        "log_format",
        "text",
        "`text`, or `json` with one object a line. Logs go to standard error.",
    ),
    setting("grace_secs", "30", "How long a planned end may take, in seconds."),
];

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        default,
        meaning,
    }
}
