//! Lists, written piece by piece.

use super::answer::{
    self, list_metadata, meta_version, object_value, pretty, respond, table_options, wrong_form,
};
use super::body::{Body, BoxError, Pieces};
use super::call::{Call, text};
use super::gzip;
use super::protobuf_list;
use super::resource::About;
use crate::registry::List;
use crate::request::{Answer, Encoding, Form, ListOptions};
use crate::status::Failure;
use crate::storage::{Object, Stream};
use crate::table::{MetaVersion, Options, Printer, partial};
use bytes::{BufMut, Bytes, BytesMut};
use futures::StreamExt;
use hyper::header::ACCEPT_ENCODING;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

/// Rows of these kinds have an order of their own, so their tables are made at one go. There are dozens
/// of such objects at most.
const SORTED_GROUP: &str = "flowcontrol.apiserver.k8s.io";

/// Answers a list.
pub(super) async fn serve(call: &Call, about: &About) -> Result<Response<Body>, Failure> {
    let form = call.negotiate(about.offer())?;
    let options = ListOptions::parse(&call.target.query, &about.named.name)?;
    if matches!(form.form, Form::Metadata(_)) {
        return Err(wrong_form(&form));
    }
    let list = call.app.registry.list(&about.target, &options).await?;
    let is_plain = !matches!(form.form, Form::Table(_) | Form::MetadataList(_));
    if form.encoding == Encoding::Protobuf && is_plain && protobuf_list::can(about) {
        return protobuf_list::serve(call, about, options, list, &form).await;
    }
    self::answer(call, about, list, &form).await
}

/// Answers with a list that is there.
///
/// # Errors
/// 406 if it cannot be had in the form that is wanted.
pub(super) async fn answer(
    call: &Call,
    about: &About,
    list: List,
    answer: &Answer,
) -> Result<Response<Body>, Failure> {
    if matches!(answer.form, Form::Metadata(_)) {
        return Err(wrong_form(answer));
    }
    let item = match answer.form {
        Form::Table(version) => Item::Row {
            printer: about.row.printer.clone(),
            options: Options {
                has_columns: false,
                ..table_options(call, version)?
            },
        },
        Form::MetadataList(version) => Item::Partial(meta_version(version)),
        _ => Item::Object,
    };
    let is_sorted =
        matches!(item, Item::Row { .. }) && about.row.resource.gvk.group == SORTED_GROUP;
    if answer.encoding != Encoding::Json || is_sorted {
        let whole = gather(about, list).await?;
        return answer::value(call, StatusCode::OK, &about.row.printer, whole, answer);
    }
    let until = Instant::now() + call.app.limits.list;
    let takes_gzip = gzip::is_accepted(text(&call.headers, &ACCEPT_ENCODING));
    let writer = Writer {
        item,
        is_pretty: answer.is_pretty,
        is_first: true,
    };
    stream(about, list, writer, until, takes_gzip).await
}

/// All of a list in one value, for forms that cannot be written in pieces.
async fn gather(about: &About, list: List) -> Result<Value, Failure> {
    let metadata = list_metadata(
        list.revision,
        list.continue_token.as_deref(),
        list.remaining,
    );
    let mut items = Vec::new();
    let mut pieces = list.pieces;
    while let Some(piece) = pieces.next().await {
        items.extend(piece?.iter().map(object_value));
    }
    let gvk = &about.row.resource.gvk;
    Ok(json!({
        "kind": format!("{}List", gvk.kind),
        "apiVersion": about.row.resource.api_version(),
        "metadata": metadata,
        "items": items,
    }))
}

/// How each object of a list is written.
pub(super) enum Item {
    /// As it is.
    Object,
    /// As a row of a table.
    Row {
        /// What prints it.
        printer: Printer,
        /// How.
        options: Options,
    },
    /// By its metadata.
    Partial(MetaVersion),
}

impl Item {
    fn value(&self, object: &Object) -> Value {
        let value = object_value(object);
        match self {
            Item::Object => value,
            Item::Row { printer, options } => {
                let mut table = printer.table(&value, options);
                table["rows"][0].take()
            }
            Item::Partial(version) => partial(&value, *version),
        }
    }

    /// What the list is, without its items, and the name of the field that has them.
    fn envelope(
        &self,
        about: &About,
        metadata: Value,
    ) -> (Vec<(&'static str, Value)>, &'static str) {
        let resource = &about.row.resource;
        let (kind, api_version) = match self {
            Item::Object => (format!("{}List", resource.gvk.kind), resource.api_version()),
            Item::Row { options, .. } => {
                ("Table".to_owned(), options.version.api_version().to_owned())
            }
            Item::Partial(version) => (
                "PartialObjectMetadataList".to_owned(),
                version.api_version().to_owned(),
            ),
        };
        let mut fields = vec![
            ("kind", kind.into()),
            ("apiVersion", api_version.into()),
            ("metadata", metadata),
        ];
        let Item::Row { printer, options } = self else {
            return (fields, "items");
        };
        let options = Options {
            has_columns: true,
            ..*options
        };
        let mut empty = printer.table_of_list(&json!({"items": []}), &options);
        fields.push(("columnDefinitions", empty["columnDefinitions"].take()));
        (fields, "rows")
    }
}

/// Writes the text of a list.
pub(super) struct Writer {
    pub(super) item: Item,
    pub(super) is_pretty: bool,
    /// No object has been written yet.
    pub(super) is_first: bool,
}

impl Writer {
    fn begin(&self, about: &About, metadata: Value) -> BytesMut {
        let (fields, items) = self.item.envelope(about, metadata);
        let mut text = "{".to_owned();
        for (name, value) in fields {
            text += &match self.is_pretty {
                true => format!("\n  \"{name}\": {},", indented(&value, "  ")),
                false => format!("\"{name}\":{value},"),
            };
        }
        text += &match self.is_pretty {
            true => format!("\n  \"{items}\": ["),
            false => format!("\"{items}\":["),
        };
        BytesMut::from(text.as_bytes())
    }

    fn objects(&mut self, objects: &[Object], into: &mut BytesMut) {
        into.reserve(room(objects));
        for object in objects {
            if !self.is_first {
                into.put_u8(b',');
            }
            self.is_first = false;
            match (&self.item, self.is_pretty) {
                (Item::Object, false) => object.write_json(into),
                (item, false) => into.extend_from_slice(item.value(object).to_string().as_bytes()),
                (item, true) => {
                    into.extend_from_slice(b"\n    ");
                    let text = indented(&item.value(object), "    ");
                    into.extend_from_slice(text.as_bytes());
                }
            }
        }
    }

    fn end(&self) -> &'static [u8] {
        match (self.is_pretty, self.is_first) {
            (false, _) => b"]}\n",
            (true, true) => b"]\n}",
            (true, false) => b"\n  ]\n}",
        }
    }
}

/// How many bytes objects come to, about: asked for at once, because a buffer that grows is copied.
pub(super) fn room(objects: &[Object]) -> usize {
    // A name, a number, quotes and separators.
    objects
        .iter()
        .map(|object| object.stored().len() + 64)
        .sum()
}

/// A value over several lines, whose lines but the first begin with `indent`.
fn indented(value: &Value, indent: &str) -> String {
    // No string of JSON has a line break in it.
    pretty(value).replace('\n', &format!("\n{indent}"))
}

/// What is left of a list to be written.
struct Rest {
    writer: Writer,
    pieces: Stream<Result<Vec<Object>, Failure>>,
    until: Instant,
    is_over: bool,
}

impl Rest {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let piece = timeout_at(self.until, self.pieces.next()).await;
        match piece.map_err(|_| Failure::deadline_passed())? {
            Some(objects) => {
                let mut bytes = BytesMut::new();
                self.writer.objects(&objects?, &mut bytes);
                Ok(Some(bytes.freeze()))
            }
            None => {
                self.is_over = true;
                Ok(Some(Bytes::from_static(self.writer.end())))
            }
        }
    }
}

/// Answers with the pieces of a list. The first of them are awaited, so that what fails early has a code
/// of its own, and so that it is known whether the answer is large.
pub(super) async fn stream(
    about: &About,
    list: List,
    writer: Writer,
    until: Instant,
    takes_gzip: bool,
) -> Result<Response<Body>, Failure> {
    let metadata = list_metadata(
        list.revision,
        list.continue_token.as_deref(),
        list.remaining,
    );
    let mut head = writer.begin(about, metadata);
    let mut rest = Rest {
        writer,
        pieces: list.pieces,
        until,
        is_over: false,
    };
    while head.len() <= gzip::FROM_BYTES {
        match rest.next().await? {
            Some(bytes) => head.extend_from_slice(&bytes),
            None => {
                let body = Body::whole(head.freeze());
                return Ok(respond(StatusCode::OK, "application/json", body));
            }
        }
    }
    let pieces = pieces(head.freeze(), rest);
    let pieces = match takes_gzip {
        true => gzip::pack_pieces(pieces),
        false => pieces,
    };
    let mut response = respond(StatusCode::OK, "application/json", Body::pieces(pieces));
    if takes_gzip {
        gzip::mark(response.headers_mut());
    }
    Ok(response)
}

fn pieces(head: Bytes, rest: Rest) -> Pieces {
    let state = Some((Some(head), rest));
    Box::pin(futures::stream::unfold(state, |state| async move {
        let (head, mut rest) = state?;
        if let Some(head) = head {
            return Some((Ok(head), Some((None, rest))));
        }
        match rest.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some((None, rest)))),
            Ok(None) => None,
            Err(failure) => Some((Err(BoxError::from(failure)), None)),
        }
    }))
}
