//! JSON as people read it: indented, and no longer than anybody reads.

use nexus_protocol::Json;
use yew::{Html, Properties, component, html, use_memo};

/// Most characters that are shown.
const SHOWN: usize = 20_000;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) json: Json,
}

/// A value.
#[component]
pub(crate) fn JsonBlock(props: &Props) -> Html {
    let text = use_memo(props.json.clone(), indented);
    html! { <pre class="json" tabindex="0">{ &*text }</pre> }
}

fn indented(json: &Json) -> String {
    let value = json.read::<serde_json::Value>();
    let mut text = value
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| json.as_str().to_owned());
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push_str("\n…");
    }
    text
}
