//! A bare echo over a socket: Tokio on one thread, frames with a length, nothing else.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::Outcome;

/// Runs until it is ended.
pub fn run(socket: &Path) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = UnixListener::bind(socket)?;
        println!("ready");
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::task::spawn_local(async move {
                let _the_client_went_away = answer(stream).await;
            });
        }
    })
}

async fn answer(mut stream: UnixStream) -> std::io::Result<()> {
    let mut header = [0; 5];
    let mut frame = Vec::new();
    loop {
        stream.read_exact(&mut header).await?;
        let [a, b, c, d, _] = header;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(0);
        frame.clear();
        frame.extend_from_slice(&header);
        frame.resize(5 + length, 0);
        stream
            .read_exact(frame.get_mut(5..).unwrap_or_default())
            .await?;
        stream.write_all(&frame).await?;
    }
}
