//! A command that is being written: what it needs before it may be sent, and where sending it has come to.

use std::rc::Rc;

use nexus_protocol::{Command, CommandId, DeviceId, IdempotencyKey, Json};

use super::feed::Moment;

/// How long a command may wait for its device: choices in milliseconds, and their names.
pub(crate) const WAITS: [(u64, &str); 6] = [
    (10_000, "10 s"),
    (30_000, "30 s"),
    (60_000, "1 min"),
    (300_000, "5 min"),
    (3_600_000, "1 h"),
    (86_400_000, "1 day"),
];

/// The longest name of a command, in bytes.
const NAME_BYTES: usize = 64;

/// What someone has written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Draft {
    /// What to do.
    pub(crate) name: String,
    /// With what: JSON, or nothing.
    pub(crate) args: String,
    /// How long it may wait for the device, in milliseconds.
    pub(crate) wait: u64,
}

/// What is wrong with a draft.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wrong {
    /// With its name.
    pub(crate) name: Option<String>,
    /// With its args.
    pub(crate) args: Option<String>,
}

/// Where sending has come to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Sending {
    /// Nothing is being sent.
    Idle,
    /// The server has not answered yet.
    Asked {
        /// Since when.
        since: Moment,
    },
    /// The server wants a person to say that it shall really be done.
    Confirming(Rc<Command>),
    /// The server took it.
    Accepted(CommandId),
    /// The server did not take it, or nobody knows.
    Refused {
        /// Why.
        message: Rc<str>,
        /// Whether another token would help.
        needs_token: bool,
    },
}

impl Default for Draft {
    fn default() -> Self {
        Draft {
            name: String::new(),
            args: String::new(),
            wait: 60_000,
        }
    }
}

impl Draft {
    /// The command to a device, or what has to be mended first. `key` is new for each command.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn command(&self, device: &DeviceId, key: &str) -> Result<Command, Wrong> {
        let name = self.name.trim();
        let args = self.args.trim();
        let parsed = match args {
            "" => Ok(None),
            args => Json::parse(args).map(Some),
        };
        let wrong = Wrong {
            name: match name {
                "" => Some("Say what the device shall do.".to_owned()),
                name if name.len() > NAME_BYTES => Some(format!("At most {NAME_BYTES} characters.")),
                name if name.chars().any(char::is_control) => Some("Printable characters only.".to_owned()),
                _ => None,
            },
            args: parsed.as_ref().err().map(|error| {
                // Its own words name the place, too.
                format!("This is not JSON: {error}.")
            }),
        };
        match parsed {
            Ok(args) if wrong == Wrong::default() => Ok(Command {
                device_id: device.clone(),
                name: name.to_owned(),
                args,
                ttl_ms: Some(self.wait),
                idempotency_key: IdempotencyKey::parse(key).ok(),
                confirm: false,
            }),
            _ => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(name: &str, args: &str) -> Result<Command, Wrong> {
        let draft = Draft {
            name: name.to_owned(),
            args: args.to_owned(),
            wait: 10_000,
        };
        draft.command(&DeviceId::parse("boiler").unwrap(), "k1")
    }

    #[test]
    fn a_right_draft_is_a_command() {
        let command = command("  set_target ", r#" {"celsius": 55} "#).unwrap();
        assert_eq!(
            (command.name.as_str(), command.ttl_ms),
            ("set_target", Some(10_000))
        );
        assert_eq!(command.args.unwrap().as_str(), r#"{"celsius": 55}"#);
        assert!(!command.confirm && command.idempotency_key.is_some());
    }

    #[test]
    fn what_is_wrong_is_said_at_its_field_before_anything_is_sent() {
        for (name, args, is_name_wrong, is_args_wrong) in [
            ("", "", true, false),
            ("   ", "{}", true, false),
            (&"x".repeat(65), "", true, false),
            ("a\nb", "", true, false),
            ("reboot", "{", false, true),
            ("reboot", "{'a': 1}", false, true),
            ("reboot", "1 2", false, true),
            ("", "nope", true, true),
        ] {
            let wrong = command(name, args).unwrap_err();
            assert_eq!(
                (wrong.name.is_some(), wrong.args.is_some()),
                (is_name_wrong, is_args_wrong),
                "{name:?} {args:?}: {wrong:?}"
            );
        }
        for args in ["", " ", "null", "[1]", "\"text\"", "7"] {
            assert!(command("go", args).is_ok(), "{args:?}");
        }
    }
}
