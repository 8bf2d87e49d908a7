//! The field to write in, and who else is writing. Enter sends, with Shift it begins a line.

use web_sys::{HtmlTextAreaElement, KeyboardEvent};
use yew::{
    Callback, Html, InputEvent, Properties, SubmitEvent, TargetCast, component, html, use_effect_with,
    use_node_ref,
};

use super::keeper::{remember_draft, remembered_draft};
use crate::browser;
use crate::components::icon::{Glyph, Icon};
use crate::hooks::{use_clock, use_live, use_selected, use_store};
use crate::state::rooms::{RoomName, typing_words};
use crate::store::Room;

/// The longest message, in characters: well below what the server takes.
const LONGEST: &str = "8000";

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) name: RoomName,
    pub(super) is_refused: bool,
}

/// The field.
#[component]
pub(super) fn Composer(props: &Props) -> Html {
    let store = use_store();
    let name = &props.name;
    let room = store.room(name);
    let draft = use_selected(&room, (), |room: &Room, ()| room.draft.clone());
    let field = use_node_ref();
    use_effect_with((store.clone(), name.clone()), |(store, name)| {
        if let Some(draft) = remembered_draft(name) {
            store.restore_draft(name, &draft);
        }
    });
    // Where there is a keyboard, whoever enters a room can write at once.
    use_effect_with(name.clone(), {
        let field = field.clone();
        move |_| {
            if browser::matches_media("(pointer: fine)")
                && let Some(field) = field.cast::<web_sys::Element>()
            {
                browser::focus(&field);
            }
        }
    });
    let oninput = {
        let (store, name) = (store.clone(), name.clone());
        Callback::from(move |event: InputEvent| {
            if let Some(field) = event.target_dyn_into::<HtmlTextAreaElement>() {
                let draft = field.value();
                remember_draft(&name, &draft);
                store.type_in(&name, &draft, browser::now());
            }
        })
    };
    let send = {
        let (store, name, field) = (store.clone(), name.clone(), field.clone());
        Callback::from(move |()| {
            // As it is now: what was typed since the last rendering counts as well.
            let draft = store.room(&name).read(|room: &Room| room.draft.clone());
            let text = draft.trim();
            if text.is_empty() || !store.say(&name, &browser::unique_name(), text, browser::now()) {
                return;
            }
            remember_draft(&name, "");
            // Typed and sent within one frame, the rendering would see no change.
            if let Some(field) = field.cast::<HtmlTextAreaElement>() {
                field.set_value("");
            }
        })
    };
    let onkeydown = {
        let send = send.clone();
        Callback::from(move |event: KeyboardEvent| {
            // While letters are being composed, Enter belongs to the composing.
            if event.key() == "Enter" && !event.shift_key() && !event.is_composing() {
                event.prevent_default();
                send.emit(());
            }
        })
    };
    let onsubmit = Callback::from(move |event: SubmitEvent| {
        event.prevent_default();
        send.emit(());
    });
    html! {
        <div class="composer-box">
            <TypingLine name={name.clone()} />
            <form class="composer" {onsubmit}>
                <textarea ref={field} class="input" rows="1" data-testid="message-input" maxlength={LONGEST}
                    aria-label={format!("Message to {name}")} placeholder={format!("Message #{name}")}
                    value={draft.to_string()} disabled={props.is_refused} {oninput} {onkeydown}
                    title="Enter sends, Shift+Enter begins a line" />
                <button class="button button-primary" data-testid="message-send" aria-label="Send" title="Send (Enter)"
                    disabled={props.is_refused || draft.trim().is_empty()}><Glyph of={Icon::Send} /></button>
            </form>
        </div>
    }
}

#[derive(PartialEq, Properties)]
struct TypingProps {
    name: RoomName,
}

#[component]
fn TypingLine(props: &TypingProps) -> Html {
    let room = use_store().room(&props.name);
    use_live(&room);
    let now = use_clock(1_000);
    let words = typing_words(&room.read(|room: &Room| room.typing(now)));
    html! {
        <p class="typing" data-testid="typing" data-active={(!words.is_empty()).then_some("true")} aria-live="polite">
            if !words.is_empty() {
                <span class="typing-dots" aria-hidden="true"><i></i><i></i><i></i></span><span class="truncate">{ words }</span>
            }
        </p>
    }
}
