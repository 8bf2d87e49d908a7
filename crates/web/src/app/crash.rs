//! The last thing one sees: after a panic nothing of the application runs any more, so the page says so and offers the one
//! thing that helps. Plain markup, since no handler of ours would be called.

use std::panic;

use crate::browser;

/// Shows panics on the page and in the console from now on.
pub(super) fn show_panics() {
    panic::set_hook(Box::new(|info| {
        #[cfg(target_arch = "wasm32")]
        console_error_panic_hook::hook(info);
        let _ = info;
        show();
    }));
}

/// Lays the last screen over everything. It needs nothing of ours to work.
pub(crate) fn show() -> Option<()> {
    let document = browser::document()?;
    let screen = document.create_element("div").ok()?;
    screen.set_attribute("class", "scrim").ok()?;
    screen.set_attribute("data-testid", "crash").ok()?;
    screen.set_inner_html(
        r#"<div class="dialog dialog-narrow" role="alertdialog" aria-modal="true" aria-labelledby="crash-title">
            <header class="dialog-head"><h2 class="dialog-title" id="crash-title">The dashboard has stopped</h2></header>
            <div class="dialog-body"><p>This is a fault of ours. What you see behind is old. Reloading helps; your
                settings and favourites are kept.</p></div>
            <footer class="dialog-foot"><a class="button button-primary" href="">Reload</a></footer></div>"#,
    );
    document.body()?.append_child(&screen).ok()?;
    Some(())
}
