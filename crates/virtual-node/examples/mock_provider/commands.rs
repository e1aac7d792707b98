//! Commands in containers that have no programs: `echo`, `cat`, `size` and `exit` are all there are.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::io::AsyncWriteExt as _;
use virtual_node::abilities::{AbilityError, Exec, ExecIo, ExecRequest};

use crate::abilities::Reader;

/// What a shell says with when there is no such program.
const NO_PROGRAM: i32 = 127;

// === impl Exec for Reader ===

impl Exec for Reader {
    fn exec(&self, request: ExecRequest, io: ExecIo) -> BoxFuture<'_, Result<i32, AbilityError>> {
        async move {
            let lost = |error: std::io::Error| AbilityError::Failed {
                message: "the command's output could not be written".to_owned(),
                source: Some(Box::new(error)),
            };
            run(request, io).await.map_err(lost)
        }
        .boxed()
    }
}

async fn run(request: ExecRequest, io: ExecIo) -> std::io::Result<i32> {
    let ExecIo { stdin, stdout, stderr, sizes } = io;
    let words: Vec<&str> = request.command.iter().map(String::as_str).collect();
    let mut stdout = stdout.unwrap_or_else(|| Box::pin(tokio::io::sink()));
    match words[..] {
        ["echo", ref said @ ..] => {
            stdout.write_all(format!("{}\n", said.join(" ")).as_bytes()).await?;
            stdout.flush().await?;
        }
        ["cat"] => {
            let mut stdin = stdin.unwrap_or_else(|| Box::pin(tokio::io::empty()));
            tokio::io::copy(&mut stdin, &mut stdout).await?;
        }
        ["size"] => {
            let Some(mut sizes) = sizes else { return Ok(1) };
            if let Some(size) = sizes.recv().await {
                stdout.write_all(format!("{} x {}\n", size.width, size.height).as_bytes()).await?;
            }
        }
        ["exit", code] => return Ok(code.parse().unwrap_or(1)),
        _ => {
            let said = format!("{}: not found\n", words.first().copied().unwrap_or_default());
            let mut stderr = stderr.unwrap_or(stdout);
            stderr.write_all(said.as_bytes()).await?;
            return Ok(NO_PROGRAM);
        }
    }
    Ok(0)
}
