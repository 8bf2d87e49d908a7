//! Which chains can be followed: what the node says, for those who may read `chain`.

use nexus_protocol::{ChainId, ErrorCode, Refusal, Topic};
use tokio::time::timeout;

use crate::auth::Act;
use crate::commands::{COMMAND_DEADLINE, Cx};

/// The chains that the node follows, and which of them is its default; none without a node.
///
/// # Errors
/// If it is not allowed, or the node cannot be asked.
pub async fn chains(cx: &Cx) -> Result<Vec<(ChainId, bool)>, Refusal> {
    // Who may read one chain may read all; which one is asked about does not matter.
    if let Ok(any) = ChainId::parse("any") {
        cx.gateway
            .permissions
            .check(&cx.who, Act::Read(&Topic::Chain(any)))?;
    }
    let chains = timeout(COMMAND_DEADLINE, cx.gateway.feeds.chains()).await;
    chains.unwrap_or_else(|_| {
        Err(Refusal::new(
            ErrorCode::UpstreamDown,
            "the chain node did not answer in time; try again later",
        ))
    })
}
