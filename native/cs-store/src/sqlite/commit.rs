//! How a change of the store ends: committed in the name of its author, or rolled back.

use cs_model::Version;
use rusqlite::{ErrorCode, Transaction, params};

use super::int;
use crate::{CommitInfo, ImportOutcome, LastCheck, StoreError};

/// Who commits, for a commit that is to be kept.
#[derive(Clone, Copy)]
pub struct Author<'a> {
    pub principal: &'a str,
    pub cmdlet: &'a str,
    pub commit: &'a CommitInfo,
}

/// Commits what changed once `last_check` agrees, or rolls back.
pub fn close(
    transaction: Transaction<'_>,
    newest: Version,
    author: Option<Author<'_>>,
    mut outcome: ImportOutcome,
    last_check: LastCheck<'_>,
) -> Result<ImportOutcome, StoreError> {
    outcome.version = if outcome.changed {
        Version(newest.0 + 1)
    } else {
        newest
    };
    let Some(Author {
        principal,
        cmdlet,
        commit,
    }) = author
    else {
        transaction.rollback()?;
        outcome.version = newest;
        return Ok(outcome);
    };
    if !outcome.changed && commit.idempotency_key.is_none() {
        transaction.rollback()?;
        return Ok(outcome);
    }
    let version = int(outcome.version.0);
    if outcome.changed {
        transaction
            .prepare_cached("INSERT INTO commit_log (version, time, principal, cmdlet, message) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![version, commit.time, principal, cmdlet, commit.message])?;
    }
    if let Some(key) = &commit.idempotency_key {
        transaction
            .prepare_cached("INSERT INTO request (name, principal, cmdlet, version, changed, fingerprint) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![key.key, principal, cmdlet, version, outcome.changed, key.fingerprint])
            .map_err(|error| match error.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation) => StoreError::KeyTaken,
                _ => StoreError::from(error),
            })?;
    }
    // Behind everything that may fail for other reasons: what comes after it is the commit and nothing else.
    (last_check.0)().map_err(|()| StoreError::Stopped)?;
    transaction.commit()?;
    Ok(outcome)
}
