//! Lists in protobuf.
//!
//! A message says how long it is before it says anything else, so all of a list must be known before its first
//! byte is sent. It is not kept for that: it is written once to learn its length, and once more, from the same
//! revision, to be sent. A short one is kept from the first time.

use super::answer::{list_metadata, no_protobuf, respond, wrong_form};
use super::body::{Body, BoxError, Pieces};
use super::call::{Call, text};
use super::gzip;
use super::list::room;
use super::resource::About;
use super::served::{gvk, table, wire};
use crate::encode::Items;
use crate::encode::message::Message;
use crate::registry::List;
use crate::request::{Answer, ContinueToken, Encoding, ListOptions, ListRead};
use crate::schema::Gvk;
use crate::status::Failure;
use crate::storage::{Object, Stream};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use hyper::header::ACCEPT_ENCODING;
use hyper::{Response, StatusCode};
use tokio::time::{Instant, timeout_at};

/// Lists of so many bytes are kept. Those with a limit are, in any case: they are bounded themselves.
const KEPT_BYTES: usize = 4 << 20;

/// Whether lists of this resource can be written here.
pub(super) fn can(about: &About) -> bool {
    Items::new(table(), wire(), &kind(about)).is_some()
}

fn kind(about: &About) -> Gvk {
    let own = &about.row.resource.gvk;
    gvk(&own.group, &own.version, &format!("{}List", own.kind))
}

/// Answers a list. `list` is what `options` asks for.
///
/// # Errors
/// 406 if an object is not of its kind; those of the list.
pub(super) async fn serve(
    call: &Call,
    about: &About,
    options: ListOptions,
    list: List,
    answer: &Answer,
) -> Result<Response<Body>, Failure> {
    let until = Instant::now() + call.app.limits.list;
    let kept_bytes_max = match options.limit {
        Some(_) => usize::MAX,
        None => KEPT_BYTES,
    };
    let kind = kind(about);
    let new = || Items::new(table(), wire(), &kind).ok_or_else(|| wrong_form(answer));
    let metadata = list_metadata(
        list.revision,
        list.continue_token.as_deref(),
        list.remaining,
    );
    let mut writing = Writing {
        items: new()?,
        pieces: list.pieces,
        until,
    };
    let measured = measure(&mut writing, kept_bytes_max).await?;
    let head = writing.items.begin(&kind, &metadata, measured.bytes);
    let head = head.map_err(no_protobuf)?;
    let media_type = Encoding::Protobuf.media_type();
    if let Some(kept) = measured.kept {
        let whole = [&head[..], &kept, &Items::end()].concat();
        return Ok(respond(StatusCode::OK, media_type, Body::whole(whole)));
    }
    let options = again(options, list.revision);
    let list = call.app.registry.list(&about.target, &options).await?;
    writing.pieces = list.pieces;
    let rest = Rest::begin(head, writing, measured.bytes).await?;
    let pieces = pieces(rest);
    let takes_gzip = gzip::is_accepted(text(&call.headers, &ACCEPT_ENCODING));
    let pieces = match takes_gzip {
        true => gzip::pack_pieces(pieces),
        false => pieces,
    };
    let mut response = respond(StatusCode::OK, media_type, Body::pieces(pieces));
    if takes_gzip {
        gzip::mark(response.headers_mut());
    }
    Ok(response)
}

/// What was asked for, as of the revision that was read.
fn again(options: ListOptions, revision: u64) -> ListOptions {
    let read = match options.read {
        ListRead::Continue(token) => ListRead::Continue(ContinueToken {
            revision: Some(revision),
            ..token
        }),
        _ => ListRead::Exactly(revision),
    };
    ListOptions { read, ..options }
}

/// Objects that become items.
struct Writing {
    items: Items<'static>,
    pieces: Stream<Result<Vec<Object>, Failure>>,
    until: Instant,
}

impl Writing {
    /// The items of the next piece; `None`: there are no more.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let piece = timeout_at(self.until, self.pieces.next()).await;
        let Some(objects) = piece.map_err(|_| Failure::deadline_passed())? else {
            return Ok(None);
        };
        let objects = objects?;
        let mut message = Message::with_room(room(&objects));
        let mut json = BytesMut::new();
        for object in objects {
            json.clear();
            object.write_json(&mut json);
            let written = self.items.write(&json, &mut message);
            written.map_err(no_protobuf)?;
        }
        Ok(Some(message.into_bytes().into()))
    }
}

/// All items of a list.
struct Measured {
    bytes: u64,
    /// They themselves, if they are few.
    kept: Option<Vec<u8>>,
}

async fn measure(writing: &mut Writing, kept_bytes_max: usize) -> Result<Measured, Failure> {
    let mut measured = Measured {
        bytes: 0,
        kept: Some(Vec::new()),
    };
    while let Some(items) = writing.next().await? {
        measured.bytes += items.len() as u64;
        let kept = measured.kept.take();
        measured.kept = kept.filter(|kept| kept.len() + items.len() <= kept_bytes_max);
        if let Some(kept) = &mut measured.kept {
            kept.extend_from_slice(&items);
        }
    }
    Ok(measured)
}

/// What is left to be sent.
struct Rest {
    /// Ready, in order; the last one is sent first.
    ready: Vec<Bytes>,
    writing: Writing,
    /// So many bytes of items were promised and are not there yet.
    owed: u64,
    is_over: bool,
}

impl Rest {
    /// Awaits the first items, so that what fails early has a code of its own.
    async fn begin(head: Vec<u8>, mut writing: Writing, bytes: u64) -> Result<Rest, Failure> {
        let first = writing.next().await?.ok_or_else(shorter)?;
        let mut rest = Rest {
            ready: Vec::new(),
            writing,
            owed: bytes,
            is_over: false,
        };
        rest.ready = vec![rest.take(first)?, head.into()];
        Ok(rest)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if let Some(ready) = self.ready.pop() {
            return Ok(Some(ready));
        }
        if self.is_over {
            return Ok(None);
        }
        match self.writing.next().await? {
            Some(items) => self.take(items).map(Some),
            None if self.owed > 0 => Err(shorter()),
            None => {
                self.is_over = true;
                Ok(Some(Items::end().into()))
            }
        }
    }

    /// These items, if they were promised.
    fn take(&mut self, items: Bytes) -> Result<Bytes, Failure> {
        let left = self.owed.checked_sub(items.len() as u64);
        self.owed = left.ok_or_else(|| Failure::internal("a list has become longer"))?;
        Ok(items)
    }
}

fn shorter() -> Failure {
    Failure::internal("a list has become shorter")
}

fn pieces(rest: Rest) -> Pieces {
    Box::pin(futures::stream::unfold(Some(rest), |rest| async move {
        let mut rest = rest?;
        match rest.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some(rest))),
            Ok(None) => None,
            Err(failure) => Some((Err(BoxError::from(failure)), None)),
        }
    }))
}
