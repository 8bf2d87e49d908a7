//! What stands where no device ever reported: how to connect the first one.

use web_sys::MouseEvent;
use yew::{AttrValue, Callback, Html, Properties, component, html, use_state_eq};

use crate::browser;
use crate::components::icon::{Glyph, Icon};
use crate::hooks::use_timeout;

/// How to connect the first device.
#[component]
pub(super) fn Welcome() -> Html {
    let origin = browser::window()
        .and_then(|window| window.location().origin().ok())
        .unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let curl = format!(
        "curl {origin}/v1/publish -H \"Authorization: Bearer $(nexus token --sub boiler-7 --role device)\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{{\"channel\":\"telemetry\",\"data\":{{\"device_id\":\"boiler-7\",\"metrics\":{{\"temperature_c\":21.5}}}}}}'"
    );
    html! {
        <div class="welcome panel-body-scroll" data-testid="devices-welcome">
            <Glyph of={Icon::Device} />
            <h3>{ "Connect the first device" }</h3>
            <p>{ "A device is whatever reports numbers. It appears here with its first report." }</p>
            <h4>{ "Try it with five that are made up" }</h4>
            <Snippet text="nexus simulate --devices 5" />
            <h4>{ "Or report as one, once" }</h4>
            <Snippet text={curl} />
        </div>
    }
}

#[derive(PartialEq, Properties)]
struct Props {
    text: AttrValue,
}

/// A line to copy.
#[component]
fn Snippet(props: &Props) -> Html {
    let is_copied = use_state_eq(|| false);
    use_timeout(*is_copied, 2_000, {
        let setter = is_copied.setter();
        Callback::from(move |()| setter.set(false))
    });
    let onclick = {
        let (text, setter) = (props.text.clone(), is_copied.setter());
        Callback::from(move |_: MouseEvent| setter.set(browser::copy(&text)))
    };
    let (icon, label) = if *is_copied {
        (Icon::Check, "Copied")
    } else {
        (Icon::Copy, "Copy")
    };
    html! {
        <div class="snippet">
            <pre tabindex="0"><code>{ props.text.clone() }</code></pre>
            <button type="button" class="icon-button" aria-label={label} title={label} data-testid="copy" {onclick}>
                <Glyph of={icon} />
            </button>
        </div>
    }
}
