//! Migrations.

use crate::client::{Client, Error};
use crate::ids::InstanceId;
use crate::migrations::{self, Migration, MigrationAction, MigrationEstimate, MigrationProgress};
use crate::page::Page;

impl Client {
    /// MigrateMachineEstimate.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn estimate_migration(
        &self,
        instance: InstanceId,
    ) -> Result<MigrationEstimate, Error> {
        self.send(migrations::estimate(instance)?).await
    }

    /// Migrate. Where to cannot be said: the server takes affinity rules and forgets them.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn migrate(
        &self,
        instance: InstanceId,
        action: MigrationAction,
    ) -> Result<Migration, Error> {
        self.send(migrations::migrate(instance, action)?).await
    }

    /// Migrate's action `watch`: what happens until the migration pauses or ends, all at once when it has.
    ///
    /// The server sends a line as each step happens, so the answer takes as long as the migration. One that takes longer than
    /// a call may is better read again and again with [`Client::get_migration`].
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn watch_migration(
        &self,
        instance: InstanceId,
    ) -> Result<Page<MigrationProgress>, Error> {
        self.send(migrations::watch(instance)?).await
    }

    /// ListMigrations.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_migrations(&self) -> Result<Page<Migration>, Error> {
        self.send(migrations::list()?).await
    }

    /// GetMigration: an instance's latest.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_migration(&self, instance: InstanceId) -> Result<Migration, Error> {
        self.send(migrations::get(instance)?).await
    }
}
