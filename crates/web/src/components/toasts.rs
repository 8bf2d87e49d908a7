//! What is told once. A toast goes by itself unless something must be done about it.

use yew::{Callback, Html, MouseEvent, Properties, component, html};

use super::icon::{Glyph, Icon};
use crate::hooks::use_timeout;
use crate::state::toasts::{Toast, Toasts, ToastsAction, Tone};

/// How long a toast stands, in milliseconds.
const STANDS: u32 = 8_000;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) toasts: Toasts,
    pub(crate) on_action: Callback<ToastsAction>,
}

/// The toasts that stand now.
#[component]
pub(crate) fn ToastStack(props: &Props) -> Html {
    html! {
        <div class="toasts" role="status" aria-live="polite">
            for toast in props.toasts.shown.iter() {
                <One key={toast.id} toast={toast.clone()} on_action={props.on_action.clone()} />
            }
        </div>
    }
}

#[derive(PartialEq, Properties)]
struct OneProps {
    toast: Toast,
    on_action: Callback<ToastsAction>,
}

#[component]
fn One(props: &OneProps) -> Html {
    let Toast {
        id,
        tone,
        title,
        text,
    } = &props.toast;
    let id = *id;
    let dismiss: Callback<()> = props.on_action.reform(move |()| ToastsAction::Dismiss(id));
    let on_time = if *tone == Tone::Bad {
        Callback::noop()
    } else {
        dismiss.clone()
    };
    use_timeout(id, STANDS, on_time);
    let icon = match tone {
        Tone::Ok => Icon::Check,
        Tone::Warn | Tone::Bad => Icon::Warning,
    };
    html! {
        <div class="toast" data-testid="toast" data-tone={tone.word()}>
            <Glyph of={icon} />
            <div>
                <strong class="toast-title">{ &**title }</strong>
                if !text.is_empty() { <p>{ &**text }</p> }
            </div>
            <button type="button" class="icon-button" aria-label="Dismiss" onclick={dismiss.reform(|_: MouseEvent| ())}>
                <Glyph of={Icon::Cross} />
            </button>
        </div>
    }
}
