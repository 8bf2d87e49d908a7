//! The table: every role, every act, every claim.

use nexus_protocol::{ChannelName, Params};
use serde_json::{Value, json};

use super::*;
use crate::auth::Rights;

/// What each may, as letters. `r`ead the market, `o`wn account, `b`ob's account, `t`elemetry, `c`ommands, `l`obby, `n`ews
/// (operators publish, anyone reads), `x` (nobody may by role); `s`ee who is in the lobby, `d` which devices there are;
/// publish: `E`vents, `L`obby, as a `M`ember of it, `N`ews, `X`; `J`oin the lobby, join `K` x; `R`eport as ann, as another
/// (`S`); `C`ommand a reboot of pump-1, `D` open of pump-1, `F` reboot of lamp-1; manage (`A`).
fn may(permissions: &Permissions, who: &Who) -> String {
    let market = topic("trades", json!({"symbol": "BTC"}));
    let own = topic("user_fills", json!({"userId": "ann"}));
    let bobs = topic("user_orders", json!({"userId": "bob"}));
    let plain = |channel: &str| topic(channel, json!({}));
    let (telemetry, commands) = (plain("telemetry"), plain("commands"));
    let (lobby, news, x) = (plain("room:lobby"), plain("news:a"), plain("x:a"));
    let device = |id: &str| DeviceId::parse(id).unwrap();
    let (ann, pump, lamp) = (device("ann"), device("pump-1"), device("lamp-1"));
    let command = |device, name| Act::Command { device, name };
    let acts = [
        ('r', Act::Read(&market)),
        ('o', Act::Read(&own)),
        ('b', Act::Read(&bobs)),
        ('t', Act::Read(&telemetry)),
        ('c', Act::Read(&commands)),
        ('l', Act::Read(&lobby)),
        ('n', Act::Read(&news)),
        ('x', Act::Read(&x)),
        ('s', Act::Presence(&lobby)),
        ('d', Act::Presence(&telemetry)),
        ('E', Act::Publish("events")),
        ('L', Act::Publish("room:lobby")),
        ('M', Act::PublishAsMember("room:lobby")),
        ('N', Act::Publish("news:a")),
        ('X', Act::PublishAsMember("x:a")),
        ('J', Act::Join("room:lobby")),
        ('K', Act::Join("x:a")),
        ('R', Act::Report(&ann)),
        ('S', Act::Report(&pump)),
        ('C', command(&pump, "reboot")),
        ('D', command(&pump, "open")),
        ('F', command(&lamp, "reboot")),
        ('A', Act::Manage),
    ];
    acts.into_iter()
        .filter(|(_, act)| permissions.check(who, *act).is_ok())
        .map(|(letter, _)| letter)
        .collect()
}

fn topic(channel: &str, params: Value) -> Topic {
    let params = serde_json::from_value::<Params>(params).unwrap();
    Topic::parse(&ChannelName::parse(channel).unwrap(), params)
        .unwrap()
        .topic
}

fn permissions(anonymous: &[&str]) -> Permissions {
    let patterns = anonymous.iter().map(|text| ChannelPattern::parse(text).unwrap());
    let namespaces = Namespaces::parse(&[
        "news publish=operators subscribe=anyone".to_owned(),
        "x presence publish=nobody subscribe=nobody join=nobody".to_owned(),
    ]);
    Permissions::new(patterns.collect(), Arc::new(namespaces.unwrap()))
}

/// Someone named ann whose token has these claims.
fn ann(role: Role, claims: Value) -> Who {
    let channels: Option<Vec<ChannelPattern>> =
        serde_json::from_value(claims.get("channels").cloned().unwrap_or_default()).unwrap();
    Who::SignedIn(Identity {
        channels: channels.map(Into::into),
        rights: Arc::new(serde_json::from_value::<Rights>(claims).unwrap()),
        ..Identity::plain("ann", role)
    })
}

#[test]
fn each_role_may_what_the_table_says() {
    let permissions = permissions(&[]);
    for (role, expected) in [
        (Role::Viewer, "rotclnsdMJ"),
        (Role::Operator, "rotclnsdELMNJCDF"),
        (Role::Device, "nMR"),
        (Role::Admin, "robtclnxsdELMNXJKRSCDFA"),
    ] {
        assert_eq!(may(&permissions, &ann(role, json!({}))), expected, "{role:?}");
    }
    assert_eq!(may(&permissions, &Who::Anonymous), "n");
    assert_eq!(may(&Permissions::default(), &Who::Anonymous), "");
}

#[test]
fn a_claim_stands_in_place_of_the_role_and_an_empty_one_allows_nothing() {
    use Role::{Admin, Device, Operator, Viewer};
    let permissions = permissions(&[]);
    for (role, claims, expected) in [
        // `subscribe` is also what one may see who is there on, unless `presence` says otherwise.
        (Viewer, json!({"subscribe": []}), "MJ"),
        (Viewer, json!({"subscribe": ["x:*"]}), "xMJ"),
        (Viewer, json!({"subscribe": ["*"]}), "rotclnxsdMJ"),
        (Viewer, json!({"subscribe": [], "presence": ["room:*"]}), "sMJ"),
        (Viewer, json!({"presence": []}), "rotclnMJ"),
        (Device, json!({"subscribe": ["*"]}), "rotclnxsdMR"),
        (Admin, json!({"subscribe": ["user_*"]}), "obELMNXJKRSCDFA"),
        (Viewer, json!({"publish": ["events", "x:*"]}), "rotclnsdEXJ"),
        (Viewer, json!({"publish": []}), "rotclnsdJ"),
        (Operator, json!({"publish": ["room:*"]}), "rotclnsdLMJCDF"),
        (Admin, json!({"publish": []}), "robtclnxsdJKRSCDFA"),
        (Viewer, json!({"join": ["x:a"]}), "rotclnsdMK"),
        (Viewer, json!({"join": []}), "rotclnsdM"),
        // Whoever has joined publishes, a device too.
        (Device, json!({"join": ["room:lobby"]}), "nMJR"),
        (Viewer, json!({"commands": ["reboot"]}), "rotclnsdMJCF"),
        (Operator, json!({"commands": []}), "rotclnsdELMNJ"),
        (Operator, json!({"devices": ["pump-*"]}), "rotclnsdELMNJCD"),
        (
            Operator,
            json!({"commands": ["re*"], "devices": ["pump-*"]}),
            "rotclnsdELMNJC",
        ),
        (Operator, json!({"devices": []}), "rotclnsdELMNJ"),
        (Viewer, json!({"devices": ["*"]}), "rotclnsdMJ"),
        (Device, json!({"devices": ["pump-*"]}), "nMS"),
        (Device, json!({"devices": ["pump-*", "ann"]}), "nMRS"),
        (Device, json!({"devices": []}), "nM"),
        (Admin, json!({"devices": ["ann"]}), "robtclnxsdELMNXJKRA"),
    ] {
        assert_eq!(
            may(&permissions, &ann(role, claims.clone())),
            expected,
            "{role:?} {claims}"
        );
    }
}

#[test]
fn a_token_s_channels_narrow_its_role_and_its_claims() {
    use Role::{Admin, Device, Operator, Viewer};
    let permissions = permissions(&[]);
    for (role, claims, expected) in [
        (Viewer, json!({"channels": ["trades"]}), "r"),
        (Viewer, json!({"channels": ["user_*"]}), "o"),
        (Operator, json!({"channels": ["room:*"]}), "lsLMJ"),
        (Operator, json!({"channels": ["commands"]}), "cCDF"),
        (
            Operator,
            json!({"channels": ["room:*"], "commands": ["*"]}),
            "lsLMJ",
        ),
        (
            Viewer,
            json!({"channels": ["room:*"], "subscribe": ["*"], "publish": ["*"], "join": ["*"]}),
            "lsLMJ",
        ),
        (Device, json!({"channels": ["*"]}), "nMR"),
        (Device, json!({"channels": ["news:*"]}), "n"),
        (Admin, json!({"channels": ["user_*"]}), "obA"),
        (Admin, json!({"channels": []}), "A"),
    ] {
        assert_eq!(
            may(&permissions, &ann(role, claims.clone())),
            expected,
            "{role:?} {claims}"
        );
    }
}

#[test]
fn without_a_token_one_reads_what_the_configuration_says_and_no_user_s_channel() {
    assert_eq!(may(&permissions(&["trades"]), &Who::Anonymous), "rn");
    assert_eq!(may(&permissions(&["*"]), &Who::Anonymous), "rtclnxsd");
    assert!(Permissions::default().need_a_token());
    assert!(!permissions(&[]).need_a_token(), "a namespace is open to anyone");
}

#[test]
fn an_account_is_one_s_own_by_the_address_that_the_token_binds() {
    let of = |address: &str| topic("account_updates", json!({"userId": address}));
    let ann = Who::SignedIn(Identity {
        address: Some("0xAbC1".into()),
        ..Identity::plain("ann", Role::Viewer)
    });
    let permissions = Permissions::default();
    for (address, expected) in [
        ("0xabc1", true),
        ("0xABC1", true),
        ("0xabc2", false),
        ("bob", false),
    ] {
        let allowed = permissions.check(&ann, Act::Read(&of(address))).is_ok();
        assert_eq!(allowed, expected, "{address}");
    }
}

#[test]
fn a_refusal_says_whether_a_token_could_help() {
    let bobs = topic("user_orders", json!({"userId": "bob"}));
    let code = |who: &Who, act| Permissions::default().check(who, act).unwrap_err().code;
    let viewer = ann(Role::Viewer, json!({}));
    assert_eq!(code(&Who::Anonymous, Act::Read(&bobs)), ErrorCode::AuthFailed);
    assert_eq!(code(&viewer, Act::Read(&bobs)), ErrorCode::Forbidden);
}

#[test]
fn a_channel_of_no_namespace_is_unknown_to_everyone() {
    let nothing = topic("nothing:a", json!({}));
    for who in [
        Who::Anonymous,
        ann(Role::Viewer, json!({})),
        ann(Role::Admin, json!({"subscribe": ["*"]})),
    ] {
        for act in [
            Act::Read(&nothing),
            Act::Presence(&nothing),
            Act::Publish("nothing:a"),
            Act::PublishAsMember("nothing:a"),
            Act::Join("nothing:a"),
        ] {
            let refusal = permissions(&["*"]).check(&who, act).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::UnknownChannel, "{who:?} {act:?}");
            assert!(refusal.message.contains("`nothing`"), "{refusal}");
        }
    }
}
