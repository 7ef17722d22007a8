//! What can never match, and why: a list that is shorter than GitHub counts it.

use super::database::{Statement, writing};
use super::{Store, StoreError, words};
use crate::crawl::gap::GapReason;
use crate::moment::Moment;

words! {
    /// Whose list it is.
    Subject { Developer = "developer", Repository = "repository" }
}

words! {
    /// Which list it is.
    Relation {
        Followers = "followers",
        Following = "following",
        Repositories = "repositories",
        Starred = "starred_repositories",
        Stargazers = "stargazers",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) subject: Subject,
    pub(crate) subject_id: i64,
    pub(crate) relation: Relation,
    pub(crate) reason: GapReason,
    pub(crate) reported: i64,
    pub(crate) stored: i64,
    pub(crate) recorded_at: Moment,
}

impl Store {
    /// Records the gaps of one developer or repository; those recorded before are forgotten.
    pub(crate) async fn replace_gaps(
        &self,
        subject: Subject,
        subject_id: i64,
        gaps: &[Gap],
    ) -> Result<(), StoreError> {
        writing!(self.database, |transaction| {
            let forget = Statement::new("DELETE FROM gaps WHERE subject = $1 AND subject_id = $2");
            let forget = forget.bind(subject.as_str()).bind(subject_id);
            transaction.execute(forget).await?;
            for gap in gaps {
                let insert = Statement::new(
                "INSERT INTO gaps (subject, subject_id, relation, reason, reported, stored, recorded_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(subject.as_str())
            .bind(subject_id)
            .bind(gap.relation.as_str())
            .bind(gap.reason.as_str())
            .bind(gap.reported)
            .bind(gap.stored)
            .bind(gap.recorded_at);
                transaction.execute(insert).await?;
            }
            transaction.count(&[]).await
        })
    }

    /// The gaps of these developers or repositories.
    pub(crate) async fn gaps_of(
        &self,
        subject: Subject,
        ids: &[i64],
    ) -> Result<Vec<Gap>, StoreError> {
        let mut select = Statement::new("SELECT * FROM gaps WHERE subject = $1 AND subject_id IN ");
        select = select.bind(subject.as_str());
        select.push_ids(ids);
        select.push(" ORDER BY subject_id, relation");
        let rows = self.database.all(select).await?;
        rows.iter()
            .map(|row| {
                Ok(Gap {
                    subject,
                    subject_id: row.integer("subject_id")?,
                    relation: Relation::parse(&row.text("relation")?)
                        .ok_or(StoreError::Unknown("a relation"))?,
                    reason: GapReason::parse(&row.text("reason")?)
                        .ok_or(StoreError::Unknown("a reason of a gap"))?,
                    reported: row.integer("reported")?,
                    stored: row.integer("stored")?,
                    recorded_at: row.moment("recorded_at")?,
                })
            })
            .collect()
    }
}
