//! The dashboard as a person sees it: what it says, found by the `data-testid` hooks that it documents.

use std::rc::Rc;

use crate::browser::Browser;

/// The dashboard in a browser.
#[derive(Clone, Debug)]
pub struct Page {
    browser: Rc<Browser>,
}

impl Page {
    /// The dashboard in this browser.
    pub fn new(browser: Rc<Browser>) -> Self {
        Page { browser }
    }

    /// The browser that it is in.
    pub fn browser(&self) -> &Browser {
        &self.browser
    }
}
