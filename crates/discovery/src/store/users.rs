//! Who may use the API: password hashes, and hashes of API keys. Neither can be turned back.

use super::database::{Statement, writing};
use super::{Store, StoreError};
use crate::moment::Moment;

/// What became of a new user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    New,
    /// There is one of that login; nothing was changed.
    Taken,
}

impl Store {
    /// Adds a user with one API key, both as hashes.
    pub(crate) async fn add_user(
        &self,
        login: &str,
        password_hash: &str,
        key_hash: &str,
        now: Moment,
    ) -> Result<Added, StoreError> {
        writing!(self.database, |transaction| {
            let user = Statement::new(
                "INSERT INTO users (login, password_hash, created_at) VALUES ($1, $2, $3) ON CONFLICT (login) DO NOTHING",
            );
            let user = user.bind(login).bind(password_hash).bind(now);
            if transaction.execute(user).await? == 0 {
                return Ok(Added::Taken);
            }
            let key = Statement::new(
                "INSERT INTO api_keys (key_hash, login, created_at) VALUES ($1, $2, $3)",
            );
            let key = key.bind(key_hash).bind(login).bind(now);
            transaction.execute(key).await?;
            Ok(Added::New)
        })
    }

    pub(crate) async fn password_hash(&self, login: &str) -> Result<Option<String>, StoreError> {
        let select = Statement::new("SELECT password_hash FROM users WHERE login = $1");
        let row = self.database.first(select.bind(login)).await?;
        row.map(|row| row.text("password_hash")).transpose()
    }

    /// Whose key this is.
    pub(crate) async fn key_owner(&self, key_hash: &str) -> Result<Option<String>, StoreError> {
        let select = Statement::new("SELECT login FROM api_keys WHERE key_hash = $1");
        let row = self.database.first(select.bind(key_hash)).await?;
        row.map(|row| row.text("login")).transpose()
    }
}
