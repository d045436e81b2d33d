//! The copies of an instance's automated backups in another region. They are started and stopped where they are kept;
//! the instance itself tells where that is.

use aws_sdk_rds::config::{Config, Region};
use aws_sdk_rds::types::DbInstance;

use super::rds;
use super::reply::gone;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;

/// Which copies there should be.
pub(super) struct Copies<'a> {
    /// Where; empty for nowhere.
    pub(super) region: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) retention_days: Option<i32>,
}

/// The region of an instance's copies; empty if it has none.
pub(super) fn region(live: &DbInstance) -> &str {
    let arns = live.db_instance_automated_backups_replications().iter();
    let mut arns = arns.filter_map(|it| it.db_instance_automated_backups_arn());
    // arn:aws:rds:REGION:123456789012:auto-backup:ab-…
    arns.next().and_then(|arn| arn.split(':').nth(3)).unwrap_or_default()
}

/// Stops what is there unless it is what should be, and starts that. Key and retention of copies cannot be changed.
pub(super) async fn replace(
    cx: &Cx,
    id: &PhysicalId,
    live: &DbInstance,
    copies: Copies<'_>,
) -> Result<(), Fault> {
    let arn = rds::arn(cx, "db", id.as_str()).await?;
    let there = region(live);
    if !there.is_empty() {
        let stop = cx.rds.stop_db_instance_automated_backups_replication();
        let stop = stop.source_db_instance_arn(&arn).customize().config_override(at(there));
        gone(stop.send().await)?;
    }
    if !copies.region.is_empty() {
        let start = cx.rds.start_db_instance_automated_backups_replication();
        start
            .source_db_instance_arn(&arn)
            .set_backup_retention_period(copies.retention_days)
            .set_kms_key_id(copies.key.map(Into::into))
            .customize()
            .config_override(at(copies.region))
            .send()
            .await?;
    }
    Ok(())
}

fn at(region: &str) -> aws_sdk_rds::config::Builder {
    Config::builder().region(Region::new(region.to_owned()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::DbInstanceAutomatedBackupsReplication as Replication;

    use super::*;

    #[test]
    fn an_instance_tells_where_its_copies_are() {
        let live = DbInstance::builder();
        assert_eq!(region(&live.clone().build()), "");
        let copies = Replication::builder()
            .db_instance_automated_backups_arn("arn:aws:rds:eu-central-1:1:auto-backup:ab-1");
        let live = live.db_instance_automated_backups_replications(copies.build());
        assert_eq!(region(&live.build()), "eu-central-1");
    }
}
