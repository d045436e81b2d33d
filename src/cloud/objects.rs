//! Objects in a bucket and cells in a table, written under conditions: what S3 and DynamoDB offer to state.
//!
//! A fault of the class `NotFound` says that the bucket, or the table, is not there. S3 reads what was written last, lists included, and decides the conditions of a write at once ("Conditional writes",
//! "Amazon S3 data consistency model"); DynamoDB does so with consistent reads.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier, ServerSideEncryption};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use futures::future::BoxFuture;
use sha2::{Digest as _, Sha256};

use crate::cloud::Cx;
use crate::cloud::aws_fault;
use crate::fault::{Class, Fault, Required as _};

/// What a write demands of what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum If {
    Absent,
    /// It is as it was when this tag was read.
    Unchanged(Tag),
}

/// Names one content of an object: another content has another tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(pub String);

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub tag: Tag,
    /// How long ago it was written, both times by the service's own clock; `None` where the service does not say.
    pub age: Option<Duration>,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub key: String,
    /// In bytes.
    pub size: u64,
}

/// One thing that is written under conditions.
pub trait Cell: fmt::Debug + Send + Sync {
    /// What messages call it.
    fn place(&self) -> String;

    fn get(&self) -> BoxFuture<'_, Result<Option<Object>, Fault>>;

    /// `None`: the condition does not hold, and nothing was written.
    fn put(&self, bytes: Vec<u8>, condition: If) -> BoxFuture<'_, Result<Option<Tag>, Fault>>;
}

/// Many things, each with a key.
pub trait Objects: fmt::Debug + Send + Sync {
    /// What messages call the place of a key.
    fn place(&self, key: &str) -> String;

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Fault>>;

    /// `None`: the condition does not hold, and nothing was written.
    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Vec<u8>,
        condition: If,
    ) -> BoxFuture<'a, Result<Option<Tag>, Fault>>;

    /// All whose keys begin with `prefix`, in the order of their keys.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Fault>>;

    /// What is gone already is gone.
    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Fault>>;
}

/// A part of a bucket.
#[derive(Clone, Debug)]
pub struct S3Objects {
    pub cx: Arc<Cx>,
    pub bucket: String,
    /// Before every key; empty, or with a `/` at its end.
    pub prefix: String,
    /// The key of KMS that encrypts them; `None`: as the bucket says.
    pub kms_key: Option<String>,
}

/// Keys that one request deletes.
const DELETED_MAX: usize = 1000;

impl Objects for S3Objects {
    fn place(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.bucket, self.prefix)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Fault>> {
        Box::pin(async move {
            let clock = ServiceClock::default();
            let get = self.cx.s3.get_object().bucket(&self.bucket).key(self.key(key));
            let answer = get.customize().interceptor(clock.clone()).send().await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    let missing =
                        error.as_service_error().is_some_and(GetObjectError::is_no_such_key);
                    return if missing { Ok(None) } else { Err(error.into()) };
                }
            };
            let tag = Tag(answer.e_tag.clone().required("entity tag")?);
            let age = answer.last_modified.and_then(|written| clock.since(&written));
            let cut_off = |error: ByteStreamError| {
                Fault::new(Class::Unanswered, format!("the reply is cut off: {error}"))
            };
            let bytes = answer.body.collect().await.map_err(cut_off)?.to_vec();
            Ok(Some(Object { bytes, tag, age }))
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Vec<u8>,
        condition: If,
    ) -> BoxFuture<'a, Result<Option<Tag>, Fault>> {
        Box::pin(async move {
            let put = self.cx.s3.put_object().bucket(&self.bucket).key(self.key(key));
            let put = match condition {
                If::Absent => put.if_none_match("*"),
                If::Unchanged(Tag(tag)) => put.if_match(tag),
            };
            let put = match &self.kms_key {
                Some(key) => put
                    .server_side_encryption(ServerSideEncryption::AwsKms)
                    .ssekms_key_id(key)
                    .bucket_key_enabled(true),
                None => put,
            };
            let answer = put.content_type("application/json").body(ByteStream::from(bytes)).send();
            match answer.await.map_err(Fault::from) {
                Ok(answer) => Ok(Some(Tag(answer.e_tag.required("entity tag")?))),
                Err(fault) if aws_fault::is_condition(&fault) => Ok(None),
                Err(fault) => Err(fault),
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Fault>> {
        Box::pin(async move {
            let list = self.cx.s3.list_objects_v2().bucket(&self.bucket).prefix(self.key(prefix));
            let mut pages = list.into_paginator().send();
            let mut listed = Vec::new();
            while let Some(page) = pages.next().await {
                listed.extend(page?.contents.unwrap_or_default().into_iter().filter_map(|it| {
                    let key = it.key?.strip_prefix(&self.prefix)?.to_owned();
                    Some(Listed { key, size: it.size.and_then(|it| it.try_into().ok())? })
                }));
            }
            listed.sort();
            Ok(listed)
        })
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            for keys in keys.chunks(DELETED_MAX) {
                let named = |key: &String| ObjectIdentifier::builder().key(self.key(key)).build();
                let named: Result<Vec<ObjectIdentifier>, _> = keys.iter().map(named).collect();
                let delete = Delete::builder().set_objects(named.ok()).quiet(true).build();
                let delete = delete.map_err(|error| Fault::bug(error.to_string()))?;
                self.cx.s3.delete_objects().bucket(&self.bucket).delete(delete).send().await?;
            }
            Ok(())
        })
    }
}

impl S3Objects {
    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// One of many objects.
#[derive(Clone, Debug)]
pub struct ObjectCell {
    pub objects: Arc<dyn Objects>,
    pub key: String,
}

impl Cell for ObjectCell {
    fn place(&self) -> String {
        self.objects.place(&self.key)
    }

    fn get(&self) -> BoxFuture<'_, Result<Option<Object>, Fault>> {
        self.objects.get(&self.key)
    }

    fn put(&self, bytes: Vec<u8>, condition: If) -> BoxFuture<'_, Result<Option<Tag>, Fault>> {
        self.objects.put(&self.key, bytes, condition)
    }
}

/// An item of a table as teams have it for locks: its key is the text `LockID`, and `Info` tells people of it.
#[derive(Clone, Debug)]
pub struct TableCell {
    pub cx: Arc<Cx>,
    pub table: String,
    pub id: String,
}

const ID: &str = "LockID";
const INFO: &str = "Info";
const TAG: &str = "Digest";
const WRITTEN: &str = "WrittenAt";

impl Cell for TableCell {
    fn place(&self) -> String {
        format!("dynamodb://{}/{}", self.table, self.id)
    }

    fn get(&self) -> BoxFuture<'_, Result<Option<Object>, Fault>> {
        Box::pin(async move {
            let clock = ServiceClock::default();
            let Some(item) = self.item(&clock).await?.item else { return Ok(None) };
            let written = item.get(WRITTEN).and_then(|it| it.as_n().ok()?.parse().ok());
            let age = written.and_then(|written| clock.since(&DateTime::from_secs(written)));
            let read = |name: &str| item.get(name)?.as_s().ok().cloned();
            let info = read(INFO).required(INFO)?;
            Ok(Some(Object { bytes: info.into_bytes(), tag: Tag(read(TAG).required(TAG)?), age }))
        })
    }

    fn put(&self, bytes: Vec<u8>, condition: If) -> BoxFuture<'_, Result<Option<Tag>, Fault>> {
        Box::pin(async move {
            let tag = hex::encode(Sha256::digest(&bytes));
            let info = String::from_utf8_lossy(&bytes);
            // The table keeps no times of its own: the service's clock is read just before.
            let clock = ServiceClock::default();
            self.item(&clock).await?;
            let put = self.cx.dynamodb.put_item().table_name(&self.table);
            let put = match clock.now() {
                Some(now) => put.item(WRITTEN, AttributeValue::N(now.secs().to_string())),
                None => put,
            };
            let put = put.item(ID, text(&self.id)).item(INFO, text(&info)).item(TAG, text(&tag));
            let put = match condition {
                If::Absent => put.condition_expression("attribute_not_exists(LockID)"),
                If::Unchanged(Tag(former)) => put
                    .condition_expression("#tag = :former")
                    .expression_attribute_names("#tag", TAG)
                    .expression_attribute_values(":former", text(&former)),
            };
            match put.send().await.map_err(Fault::from) {
                Ok(_) => Ok(Some(Tag(tag))),
                Err(fault) if aws_fault::is_condition(&fault) => Ok(None),
                Err(fault) => Err(fault),
            }
        })
    }
}

impl TableCell {
    async fn item(&self, clock: &ServiceClock) -> Result<GetItemOutput, Fault> {
        let get = self.cx.dynamodb.get_item().table_name(&self.table).consistent_read(true);
        let get = get.key(ID, text(&self.id)).customize().interceptor(clock.clone());
        Ok(get.send().await?)
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// Reads the service's clock from its answer, against which alone its other times can be held.
#[derive(Clone, Debug, Default)]
struct ServiceClock(Arc<Mutex<Option<DateTime>>>);

impl ServiceClock {
    fn now(&self) -> Option<DateTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since(&self, written: &DateTime) -> Option<Duration> {
        let now = self.now()?;
        Some(Duration::from_secs(u64::try_from(now.secs() - written.secs()).unwrap_or_default()))
    }
}

impl Intercept for ServiceClock {
    fn name(&self) -> &'static str {
        "platctl: read the service's clock"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}
