//! A connection that writes when all others that have been heard were answered too.
//!
//! Whoever waits for an answer on this machine or behind a busy card is woken by the first bytes of it. Sent one by one, as
//! each is ready, answers wake a client once each; sent one after the other, they find it awake and at work. So what is
//! to be written waits until every connection that was ready has been read and its request judged: one turn of the
//! thread, which takes no time where nobody else is ready.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Debug)]
pub(crate) struct InTurn<S> {
    stream: S,
    /// Whether it is at the end of the queue for what it has to write now.
    queued: bool,
}

impl<S> InTurn<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, queued: false }
    }

    /// Ready when it is this connection's turn.
    fn turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.queued = !self.queued;
        if self.queued {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for InTurn<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.turn(context));
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.turn(context));
        Pin::new(&mut this.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for InTurn<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, into)
    }
}
