//! Replies that no server gave, in the words, the status and the envelope of the service that was asked.

use super::request::{Protocol, Request};

const REQUEST_ID: &str = "x-amzn-RequestId: req-1\r\n";

/// Too many requests.
pub(super) fn throttled(request: &Request) -> Vec<u8> {
    let (status, code, message) = match (&request.protocol, request.service.as_str()) {
        (Protocol::Kubernetes, _) => (429, "TooManyRequests", "please try again later"),
        (Protocol::Ec2, _) => (503, "RequestLimitExceeded", "Request limit exceeded."),
        (Protocol::S3, _) => (503, "SlowDown", "Please reduce your request rate."),
        (_, "sns") => (429, "Throttled", "Rate exceeded"),
        (_, "tagging") => (400, "ThrottledException", "Rate exceeded"),
        (_, "sqs") => (400, "RequestThrottled", "Rate exceeded"),
        (_, "lambda" | "guardduty") => (429, "TooManyRequestsException", "Rate exceeded"),
        (Protocol::RestJson, _) => (429, "ThrottlingException", "Rate exceeded"),
        (Protocol::Json(_) | Protocol::Cbor, _) => (400, "ThrottlingException", "Rate exceeded"),
        (Protocol::Query | Protocol::RestXml, _) => (400, "Throttling", "Rate exceeded"),
    };
    refused(request, status, code, message)
}

/// The service has a problem of its own.
pub(super) fn failed(request: &Request) -> Vec<u8> {
    let code = match (&request.protocol, request.service.as_str()) {
        (Protocol::Ec2 | Protocol::S3 | Protocol::Kubernetes, _) => "InternalError",
        (_, "ecr" | "eks") => "ServerException",
        (_, "acm" | "logs") => "InternalServerException",
        (_, "kms") => "KMSInternalException",
        (_, "secretsmanager") => "InternalServiceError",
        (_, "wafv2") => "WAFInternalErrorException",
        _ => "InternalFailure",
    };
    refused(request, 500, code, "An internal error has occurred")
}

/// The service takes no requests at the moment.
pub(super) fn unavailable(request: &Request) -> Vec<u8> {
    let code = match request.protocol {
        Protocol::Ec2 => "Unavailable",
        Protocol::Query | Protocol::RestXml | Protocol::S3 | Protocol::Kubernetes => {
            "ServiceUnavailable"
        }
        Protocol::Json(_) | Protocol::Cbor | Protocol::RestJson => "ServiceUnavailableException",
    };
    refused(request, 503, code, "The service is unavailable. Please try again shortly.")
}

/// Any refusal, as the protocol writes it.
pub(super) fn refused(request: &Request, status: u16, code: &str, message: &str) -> Vec<u8> {
    let xml = "text/xml;charset=UTF-8";
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    match &request.protocol {
        Protocol::Ec2 => {
            let body = format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>req-1</RequestID></Response>"
            );
            reply(status, xml, REQUEST_ID, body.as_bytes())
        }
        Protocol::Query | Protocol::RestXml => {
            let body = format!(
                "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>req-1</RequestId></ErrorResponse>"
            );
            reply(status, xml, REQUEST_ID, body.as_bytes())
        }
        Protocol::S3 => {
            let body = format!(
                "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>req-1</RequestId></Error>"
            );
            reply(status, "application/xml", "x-amz-request-id: req-1\r\n", body.as_bytes())
        }
        Protocol::Kubernetes => {
            let body = format!(
                r#"{{"kind": "Status", "apiVersion": "v1", "metadata": {{}}, "status": "Failure", "reason": "{code}",
                    "message": "{message}", "code": {status}}}"#
            );
            reply(status, "application/json", "", body.as_bytes())
        }
        Protocol::Json(content) => {
            let body = format!(r#"{{"__type": "{code}", "message": "{message}"}}"#);
            reply(status, content, REQUEST_ID, body.as_bytes())
        }
        Protocol::RestJson => {
            let headers = format!("{REQUEST_ID}x-amzn-ErrorType: {code}\r\n");
            let body = format!(r#"{{"message": "{message}"}}"#);
            reply(status, "application/json", &headers, body.as_bytes())
        }
        Protocol::Cbor => {
            let headers = format!("{REQUEST_ID}smithy-protocol: rpc-v2-cbor\r\n");
            reply(
                status,
                "application/cbor",
                &headers,
                &cbor(&[("__type", code), ("message", message)]),
            )
        }
    }
}

/// `headers`: each with its line end.
pub(super) fn reply(status: u16, content: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: {content}\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A map of texts, each shorter than 256 bytes.
fn cbor(texts: &[(&str, &str)]) -> Vec<u8> {
    const MAP: u8 = 0xa0;
    const TEXT_OF_ONE_LENGTH_BYTE: u8 = 0x78;
    let pairs = u8::try_from(texts.len()).unwrap();
    let text = |text: &str| {
        [&[TEXT_OF_ONE_LENGTH_BYTE, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    };
    let texts = texts.iter().flat_map(|(key, value)| [text(key), text(value)].concat());
    std::iter::once(MAP + pairs).chain(texts).collect()
}
