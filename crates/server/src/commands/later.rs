//! Requests that the protocol has and this version does not serve. Whoever may not make one is told so first, so that
//! the answer does not change for them when a later version serves it.

use nexus_protocol::{ErrorCode, Refusal, Request};

use crate::auth::{Act, Permissions, Who};

/// The refusal of a request that is not served.
pub fn refuse(permissions: &Permissions, who: &Who, request: &Request) -> Refusal {
    let permitted = match request {
        Request::Publish(publish) => permissions.check(who, Act::Publish(publish.channel.as_str())),
        Request::Telemetry(telemetry) => permissions.check(who, Act::Report(&telemetry.device_id)),
        Request::Command(command) => permissions.check(
            who,
            Act::Command {
                device: &command.device_id,
                name: &command.name,
            },
        ),
        Request::Join(join) | Request::Leave(join) => {
            permissions.check(who, Act::Join(&format!("room:{}", join.room)))
        }
        Request::Typing(typing) => permissions.check(who, Act::Join(&format!("room:{}", typing.room))),
        Request::Presence(target) => permissions.check(who, Act::Read(&target.topic)),
        Request::CommandReceived(_)
        | Request::CommandResult(_)
        | Request::Auth(_)
        | Request::Subscribe(_)
        | Request::Unsubscribe(_)
        | Request::History(_)
        | Request::Ping => Ok(()),
    };
    permitted.err().unwrap_or_else(|| {
        let kind = request.type_name();
        Refusal::new(
            ErrorCode::UnknownMessageType,
            format!("`{kind}` is part of the protocol, and this version of the server does not serve it yet"),
        )
    })
}
