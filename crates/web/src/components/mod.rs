//! The parts of the page, one a file. A component gets props that compare cheaply and has no socket and no timer.
//!
//! Hooks for end-to-end tests. These attributes are stable; everything else about the markup may change:
//!
//! | element | attributes |
//! |---|---|
//! | connection chip | `data-testid="chip"`, `data-state="live\|stale\|reconnecting\|resyncing\|offline\|signed-out"`, `data-cause="down"` where a source cannot be reached |
//! | its button for trying at once | `data-testid="reconnect-now"` |
//! | details of the connection | `data-testid="link-dialog"`; last return in `data-testid="last-return"`; one row a topic: `data-testid="feed"`, `data-topic`, `data-freshness` |
//! | mark of simulated data | `data-testid="simulated"` |
//! | panel | `data-testid="panel-watch\|panel-chart\|panel-depth\|panel-book\|panel-tape"`, `data-state="ready\|loading\|empty\|error\|stale"`, `data-freshness="loading\|quiet\|live\|resyncing\|stale\|down\|failed"` |
//! | the chosen coin | `data-testid="ticker"`, `data-symbol`; its price `data-testid="ticker-price"` |
//! | watchlist | search field `data-testid="watch-search"`; row `data-testid="watch-row"`, `data-symbol`; the row's price `data-testid="watch-price"`; its star `data-testid="watch-star"` |
//! | order book | level `data-testid="book-row"`, `data-side="bid\|ask"`, `data-price`; spread row `data-testid="book-spread"`; grouping `data-testid="book-group"` |
//! | trade tape | line `data-testid="tape-row"`, `data-trade-id`, `data-time` (Unix ms); gap `data-testid="tape-gap"`, `data-from`, `data-to`; pause `data-testid="tape-pause"`; resume `data-testid="tape-resume"`, `data-held` |
//! | device list | search `data-testid="device-search"`; states shown `data-testid="devices-all\|devices-online\|devices-stale\|devices-offline"`; order `data-testid="device-sort"`; row `data-testid="device-row"`, `data-device`, `data-state="online\|stale\|offline"`; its dot `data-testid="device-state"`, `data-state`; without any `data-testid="devices-welcome"` |
//! | a device | panels `data-testid="panel-values\|panel-series\|panel-commands"`; value `data-testid="metric"`, `data-metric`, `data-value`, `aria-pressed`; clock note `data-testid="clock-skew"`; chart `data-testid="metric-chart"`; stretch of time `data-testid="span"`, `aria-checked`; pause `data-testid="series-pause"`, what it holds `data-testid="series-held"`, `data-held` |
//! | commands | fields `data-testid="command-name\|command-args\|command-wait"`; send `data-testid="command-send"`; wrong JSON `data-testid="args-error"`; refused `data-testid="command-refused"`; not signed in `data-testid="command-barred"`; dangerous `data-testid="confirm-dialog"`, `data-testid="command-confirm"`; line of the log `data-testid="command"`, `data-command`, `data-status`; step `data-testid="command-step"`, `data-step="queued\|sent\|delivered\|done\|failed\|expired"`, `data-reached`; `data-testid="command-result\|command-error"` |
//! | tasks | search `data-testid="tasks-search"`; states shown `data-testid="tasks-all\|tasks-running\|tasks-done\|tasks-failed"`; task `data-testid="task"`, `data-task`, `data-state="queued\|running\|done\|failed\|cancelled"`; its bar `data-testid="task-progress"`, `data-percent` |
//! | AI streams | search `data-testid="ai-search"`; stream `data-testid="stream"`, `data-stream`, `data-state="writing\|stalled\|done\|failed\|incomplete"`; its text `data-testid="stream-text"` |
//! | events | search `data-testid="events-search"`; event `data-testid="event"`, `data-kind`, `data-tone="plain\|warn\|bad"`; pause `data-testid="events-pause"`; resume `data-testid="events-resume"`, `data-held` |
//! | chart interval | `data-testid="interval"`, `data-interval`, `aria-checked` |
//! | toast | `data-testid="toast"`, `data-tone="ok\|warn\|bad"` |
//! | dialogs | `data-testid="settings-dialog\|sign-in-dialog\|help-dialog\|link-dialog"`; token field `data-testid="token"`; submit `data-testid="sign-in"`; sign out `data-testid="sign-out"` |
//! | views | link in the head or the menu `data-testid="nav-markets\|nav-devices\|nav-activity\|nav-chains\|nav-rooms"`, `aria-current="page"`; where there is no room, `data-testid="open-views"`; pane of a phone `data-testid="tab-…"` |
//! | account below the chart | tab `data-testid="below-depth\|below-positions\|below-orders\|below-fills"`, `aria-selected`; panel `data-testid="panel-account"`; worth `data-testid="account-value"`, open gains `account-unrealized`; row `data-testid="position-row"`, `data-symbol`, its gain `position-pnl`; `data-testid="balance-row"`; `data-testid="order-row"`, `data-order-id`, `data-change="open\|updated\|filled\|cancelled\|rejected"`; `data-testid="fill-row"`, `data-fill-id`; sums `fill-totals`; gap `data-testid="account-gap"`, `data-from`, `data-to`; signed out `account-sign-in` |
//! | rooms | room in the list `data-testid="room"`, `data-room`, `aria-current="page"`; unread `data-testid="unread"`, `data-count`; name to join `data-testid="room-join"`, button `room-join-button`; leave `room-leave`; signed out `rooms-sign-in`; a room one is not in `room-join-here` |
//! | one room | panel `data-testid="panel-room"`; message `data-testid="message"`, `data-from`, `data-own="true"`, `data-offset`, while it is on its way `data-state="pending\|stored\|failed"`; words `message-text`, other JSON `message-code`; `message-retry`, `message-discard`; field `message-input`, button `message-send`; typing `data-testid="typing"`, `data-active="true"`; where unread begins `unread-mark`; comings and goings `notice`; gap `data-testid="room-gap"`, `data-from`, `data-to`; older messages `older`; to the newest `jump-newest`; member `data-testid="member"`, `data-user`; members shown or not `members-toggle` |
//! | chains | chain in the list `data-testid="chain"`, `data-chain`; id to follow `data-testid="chain-add"`, button `chain-add-button`; `chain-remove`; panel `data-testid="panel-chain"`; tip `chain-tip`, its age `chain-age`; state `data-testid="chain-state"`, `data-word`; `chain-simulated`; search `chain-search`; kind shown `data-testid="chain-kind"`, `data-kind`, `aria-pressed` |
//! | timeline | block `data-testid="block"`, `data-height`, `data-hash`; its height `block-height`; fetched afterwards `block-fetched`; other notification `data-testid="note"`, `data-kind`; missing heights `data-testid="chain-gap"`, `data-from`, `data-to`; began anew `chain-reset`; maybe missing `chain-break`; to the newest `chain-newest`; any copy button `data-testid="copy"`, `data-text` |
//! | other views | `data-testid="not-found"`; after a panic `data-testid="crash"` |

pub mod chart;

mod account;
mod activity;
mod book;
mod chains;
mod chart_panel;
mod chip;
mod copy_button;
mod depth_panel;
mod devices;
mod dialog;
mod dialogs;
mod header;
mod help_dialog;
mod icon;
mod identity;
mod json;
mod link_dialog;
mod menu;
mod nav;
mod panel;
mod rooms;
mod settings_dialog;
mod sign_in_dialog;
mod tabbar;
mod tape;
mod ticker;
mod ticker_stats;
mod title;
mod toasts;
mod watch;

pub(crate) use account::BelowPanel;
pub(crate) use activity::{EventsPanel, StreamsPanel, TasksPanel};
pub(crate) use book::BookPanel;
pub(crate) use chains::{ChainList, Timeline};
pub(crate) use chart_panel::ChartPanel;
#[cfg(all(test, target_arch = "wasm32"))]
pub(crate) use chip::Chip;
pub(crate) use devices::{CommandPanel, DeviceListPanel, SeriesPanel, ValuesPanel, use_device};
pub(crate) use dialogs::{Dialog, Dialogs, OpenDialog};
pub(crate) use header::Header;
pub(crate) use icon::{Glyph, Icon};
pub(crate) use panel::Panel;
pub(crate) use rooms::{Conversation, RoomKeeper, RoomList};
pub(crate) use tabbar::{MarketsTabBar, TabBar};
pub(crate) use tape::TapePanel;
pub(crate) use ticker::Ticker;
pub(crate) use title::Title;
pub(crate) use toasts::ToastStack;
pub(crate) use watch::{StarsProvider, WatchPanel};
