//! A bucket that answers as a website, in CloudFormation's shape.

use aws_sdk_s3::operation::get_bucket_website::GetBucketWebsiteOutput;
use aws_sdk_s3::types::{
    self, Condition, ErrorDocument, IndexDocument, Protocol, WebsiteConfiguration,
};

use super::properties::properties;
use super::s3::incomplete;
use super::scalar::Text;
use crate::fault::Fault;

properties! {
    /// Without any document or redirection the bucket is no website.
    Website {
        ;
        error_document: String,
        index_document: String,
        redirect_all_requests_to: RedirectAll,
        routing_rules: Vec<RoutingRule>,
    }
}

properties! {
    RedirectAll {
        host_name: String,
        ;
        protocol: String,
    }
}

properties! {
    RoutingRule {
        redirect_rule: RedirectRule,
        ;
        routing_rule_condition: RoutingCondition,
    }
}

properties! {
    RedirectRule {
        ;
        host_name: String,
        http_redirect_code: Text,
        protocol: String,
        replace_key_prefix_with: String,
        replace_key_with: String,
    }
}

properties! {
    RoutingCondition {
        ;
        http_error_code_returned_equals: Text,
        key_prefix_equals: String,
    }
}

impl Website {
    pub(super) fn of(reply: Option<&GetBucketWebsiteOutput>) -> Self {
        let rule = |rule: &types::RoutingRule| RoutingRule {
            redirect_rule: RedirectRule::of(rule.redirect()),
            routing_rule_condition: rule.condition().map(|condition| RoutingCondition {
                http_error_code_returned_equals: condition
                    .http_error_code_returned_equals()
                    .map(Text::from),
                key_prefix_equals: condition.key_prefix_equals.clone(),
            }),
        };
        let all = reply.and_then(|reply| reply.redirect_all_requests_to());
        Self {
            error_document: reply.and_then(|it| it.error_document()).map(|it| it.key.clone()),
            index_document: reply.and_then(|it| it.index_document()).map(|it| it.suffix.clone()),
            redirect_all_requests_to: all.map(|all| RedirectAll {
                host_name: all.host_name.clone(),
                protocol: all.protocol().map(ToString::to_string),
            }),
            routing_rules: reply.map(|reply| reply.routing_rules().iter().map(rule).collect()),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.error_document.is_none()
            && self.index_document.is_none()
            && self.redirect_all_requests_to.is_none()
    }

    pub(super) fn to_sdk(&self) -> Result<WebsiteConfiguration, Fault> {
        let error =
            self.error_document.as_ref().map(|key| ErrorDocument::builder().key(key).build());
        let index = self
            .index_document
            .as_ref()
            .map(|suffix| IndexDocument::builder().suffix(suffix).build());
        let all = self.redirect_all_requests_to.as_ref().map(|all| {
            types::RedirectAllRequestsTo::builder()
                .host_name(&all.host_name)
                .set_protocol(all.protocol.as_deref().map(Protocol::from))
                .build()
        });
        let rule = |rule: &RoutingRule| {
            let condition = rule.routing_rule_condition.as_ref().map(|condition| {
                Condition::builder()
                    .set_http_error_code_returned_equals(
                        condition.http_error_code_returned_equals.clone().map(Into::into),
                    )
                    .set_key_prefix_equals(condition.key_prefix_equals.clone())
                    .build()
            });
            types::RoutingRule::builder()
                .redirect(rule.redirect_rule.to_sdk())
                .set_condition(condition)
                .build()
        };
        // S3 refuses an empty list.
        let rules = self.routing_rules.as_ref().filter(|rules| !rules.is_empty());
        Ok(WebsiteConfiguration::builder()
            .set_error_document(error.transpose().map_err(incomplete)?)
            .set_index_document(index.transpose().map_err(incomplete)?)
            .set_redirect_all_requests_to(all.transpose().map_err(incomplete)?)
            .set_routing_rules(rules.map(|rules| rules.iter().map(rule).collect()))
            .build())
    }
}

impl RedirectRule {
    fn of(redirect: Option<&types::Redirect>) -> Self {
        Self {
            host_name: redirect.and_then(|it| it.host_name.clone()),
            http_redirect_code: redirect.and_then(|it| it.http_redirect_code()).map(Text::from),
            protocol: redirect.and_then(|it| it.protocol()).map(ToString::to_string),
            replace_key_prefix_with: redirect.and_then(|it| it.replace_key_prefix_with.clone()),
            replace_key_with: redirect.and_then(|it| it.replace_key_with.clone()),
        }
    }

    fn to_sdk(&self) -> types::Redirect {
        types::Redirect::builder()
            .set_host_name(self.host_name.clone())
            .set_http_redirect_code(self.http_redirect_code.clone().map(Into::into))
            .set_protocol(self.protocol.as_deref().map(Protocol::from))
            .set_replace_key_prefix_with(self.replace_key_prefix_with.clone())
            .set_replace_key_with(self.replace_key_with.clone())
            .build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_website_reads_back_and_an_empty_one_is_none() {
        let website = json!({
            "IndexDocument": "index.html", "ErrorDocument": "404.html",
            "RoutingRules": [{
                "RedirectRule": {"HostName": "example.com", "HttpRedirectCode": "301"},
                "RoutingRuleCondition": {"HttpErrorCodeReturnedEquals": "404"},
            }],
        });
        let asked: Website = serde_json::from_value(website.clone()).unwrap();
        let sdk = asked.to_sdk().unwrap();
        let reply = GetBucketWebsiteOutput::builder()
            .set_error_document(sdk.error_document)
            .set_index_document(sdk.index_document)
            .set_routing_rules(sdk.routing_rules);
        let back = Website::of(Some(&reply.build()));
        assert_eq!(serde_json::to_value(back).unwrap(), website);
        assert!(Website::of(None).is_none());
    }
}
