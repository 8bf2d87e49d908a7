//! A client whose link is soon full: what it does not read waits at the server.

use crate::harness::{Client, Knock, World};

impl World {
    /// A client that was greeted, and for which the kernel keeps little.
    pub(crate) async fn connect_narrow(&self) -> Client {
        let knock = Knock {
            receive_buffer: Some(4 * 1024),
            ..Knock::default()
        };
        let mut client = self.knock(knock).await.unwrap();
        client.next_of("connected").await;
        client
    }
}
