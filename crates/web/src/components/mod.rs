//! The parts of the page, one a file. A component gets props that compare cheaply and has no socket and no timer.
//!
//! Hooks for end-to-end tests. These attributes are stable; everything else about the markup may change:
//!
//! | element | attributes |
//! |---|---|
//! | connection chip | `data-testid="chip"`, `data-state="live\|stale\|reconnecting\|resyncing\|offline\|signed-out"` |
//! | its button for trying at once | `data-testid="reconnect-now"` |
//! | details of the connection | `data-testid="link-dialog"`; last return in `data-testid="last-return"`; one row a topic: `data-testid="feed"`, `data-topic`, `data-freshness` |
//! | mark of simulated data | `data-testid="simulated"` |
//! | panel | `data-testid="panel-watch\|panel-chart\|panel-depth\|panel-book\|panel-tape"`, `data-state="ready\|loading\|empty\|error\|stale"`, `data-freshness="loading\|quiet\|live\|resyncing\|stale\|failed"` |
//! | the chosen coin | `data-testid="ticker"`, `data-symbol`; its price `data-testid="ticker-price"` |
//! | watchlist | search field `data-testid="watch-search"`; row `data-testid="watch-row"`, `data-symbol`; the row's price `data-testid="watch-price"`; its star `data-testid="watch-star"` |
//! | order book | level `data-testid="book-row"`, `data-side="bid\|ask"`, `data-price`; spread row `data-testid="book-spread"`; grouping `data-testid="book-group"` |
//! | trade tape | line `data-testid="tape-row"`, `data-trade-id`, `data-time` (Unix ms); gap `data-testid="tape-gap"`, `data-from`, `data-to`; pause `data-testid="tape-pause"`; resume `data-testid="tape-resume"`, `data-held` |
//! | chart interval | `data-testid="interval"`, `data-interval`, `aria-checked` |
//! | toast | `data-testid="toast"`, `data-tone="ok\|warn\|bad"` |
//! | dialogs | `data-testid="settings-dialog\|sign-in-dialog\|help-dialog\|link-dialog"`; token field `data-testid="token"`; submit `data-testid="sign-in"`; sign out `data-testid="sign-out"` |
//! | views | link in the head or the menu `data-testid="nav-markets\|nav-devices\|nav-activity\|nav-chains\|nav-rooms"`, `aria-current="page"`; where there is no room, `data-testid="open-views"`; pane of a phone `data-testid="tab-…"` |
//! | other views | `data-testid="not-found"`; after a panic `data-testid="crash"` |

pub mod chart;

mod activity;
mod account;
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

pub(crate) use activity::{EventsPanel, StreamsPanel, TasksPanel};
pub(crate) use account::BelowPanel;
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
