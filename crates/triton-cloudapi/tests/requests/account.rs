//! The account and who may use it.

use triton_cloudapi::account::{self, Contact, UpdateAccount};
use triton_cloudapi::datacenters::{self, AddForeignDatacenter};
use triton_cloudapi::keys::{self, CreateKey};
use triton_cloudapi::policies::{self, CreatePolicy, UpdatePolicy};
use triton_cloudapi::role_tags::{self, Taggable};
use triton_cloudapi::roles::{self, CreateRole, PolicyRef, RoleMember, UpdateRole};
use triton_cloudapi::users::{self, CreateUser, UpdateUser};
use triton_cloudapi::{
    RequestError, Secret, access_keys, changefeed, config, limits, ping, services,
};

use super::{ID, Rows};

const KEY: &str = "ssh-ed25519 AAAAC3Nz me";

pub(crate) fn rows(rows: &mut Rows) {
    rows.read("/--ping", ping::ping());
    rows.read("/services", services::list());
    rows.read("/changefeed", changefeed::open_changefeed());
    account_itself(rows);
    datacenter_calls(rows);
    key_calls(rows);
    user_calls(rows);
    role_calls(rows);
}

fn account_itself(rows: &mut Rows) {
    rows.read("/", account::get());
    rows.read("/limits", limits::get());
    rows.read("/config", config::get());
    rows.set(r#"PUT /config {"default_network":"ID"}"#, config::update(ID.parse().unwrap()));
    let contact = Contact {
        company_name: Some("Acme".to_owned()),
        postal_code: Some("1".to_owned()),
        ..Contact::default()
    };
    let update = UpdateAccount { email: None, contact, triton_cns_enabled: Some(false) };
    rows.set(
        r#"POST / {"companyName":"Acme","postalCode":"1","triton_cns_enabled":false}"#,
        account::update(&update),
    );
}

fn datacenter_calls(rows: &mut Rows) {
    rows.read("/datacenters", datacenters::list());
    rows.read("/datacenters/us-east-1", datacenters::get("us-east-1"));
    let token = Secret::from("{}");
    rows.read("/foreigndatacenters", datacenters::list_foreign(&token));
    let add = AddForeignDatacenter {
        name: "x".to_owned(),
        url: "https://x".to_owned(),
        token: "t".into(),
    };
    rows.set(
        r#"POST /foreigndatacenters {"name":"x","url":"https://x","token":"t"}"#,
        datacenters::add_foreign(&token, &add),
    );
    let request = datacenters::list_foreign(&token).unwrap();
    assert!(request.http.headers()["x-auth-token"].is_sensitive());
}

fn key_calls(rows: &mut Rows) {
    rows.read("/keys", keys::list());
    rows.read("/keys/aa%3Abb", keys::get("aa:bb"));
    rows.read("/keys/a%20b?sync=true", keys::get_fresh("a b"));
    rows.set("DELETE /keys/a%2Fb", keys::delete("a/b"));
    let create = CreateKey { key: format!("{KEY}\n"), ..CreateKey::default() };
    rows.once(&format!(r#"POST /keys {{"key":"{KEY}"}}"#), keys::create(&create));
    let named = CreateKey {
        name: Some("n".to_owned()),
        attestation: vec!["c".to_owned()],
        ..create.clone()
    };
    let line = format!(r#"POST /users/bob/keys {{"key":"{KEY}","name":"n","attestation":["c"]}}"#);
    rows.once(&line, keys::create_of_user("bob", &named));
    rows.read("/users/bob/keys", keys::list_of_user("bob"));
    rows.read("/users/bob/keys/k", keys::get_of_user("bob", "k"));
    rows.set("DELETE /users/bob/keys/k", keys::delete_of_user("bob", "k"));
    rows.read("/accesskeys", access_keys::list());
    rows.once("POST /accesskeys", access_keys::create());
    rows.read("/accesskeys/k", access_keys::get("k"));
    rows.set("DELETE /accesskeys/k", access_keys::delete("k"));
    rows.read("/users/bob/accesskeys", access_keys::list_of_user("bob"));
    rows.once("POST /users/bob/accesskeys", access_keys::create_of_user("bob"));
    rows.read("/users/bob/accesskeys/k", access_keys::get_of_user("bob", "k"));
    rows.set("DELETE /users/bob/accesskeys/k", access_keys::delete_of_user("bob", "k"));
}

fn user_calls(rows: &mut Rows) {
    rows.read("/users", users::list());
    rows.once(
        r#"POST /users {"login":"bob","email":"b@x","password":"pw","firstName":"B"}"#,
        users::create(&bob()),
    );
    rows.read("/users/bob", users::get("bob"));
    rows.read("/users/bob?membership=true", users::get_with_roles("bob"));
    let update = UpdateUser { email: Some("c@x".to_owned()), ..UpdateUser::default() };
    rows.set(r#"POST /users/bob {"email":"c@x"}"#, users::update("bob", &update));
    rows.set(
        r#"POST /users/bob/change_password {"password":"p","password_confirmation":"p"}"#,
        users::change_password("bob", &"p".into()),
    );
    rows.set("DELETE /users/bob", users::delete("bob"));
}

fn bob() -> CreateUser {
    CreateUser {
        login: "bob".to_owned(),
        email: "b@x".to_owned(),
        password: "pw".into(),
        contact: Contact { first_name: Some("B".to_owned()), ..Contact::default() },
    }
}

fn role_calls(rows: &mut Rows) {
    rows.read("/roles", roles::list());
    let create = CreateRole {
        name: "ops".to_owned(),
        policies: vec![PolicyRef::named("read")],
        members: vec![RoleMember::subuser("bob").by_default()],
    };
    rows.once(
        r#"POST /roles {"name":"ops","policies":[{"name":"read"}],"members":[{"type":"subuser","login":"bob","default":true}]}"#,
        roles::create(&create),
    );
    rows.read("/roles/ops", roles::get("ops"));
    let update = UpdateRole { members: Some(vec![]), ..UpdateRole::default() };
    rows.set(r#"POST /roles/ops {"members":[]}"#, roles::update("ops", &update));
    rows.set("DELETE /roles/ops", roles::delete("ops"));
    rows.read("/policies", policies::list());
    let create = CreatePolicy {
        name: "read".to_owned(),
        rules: vec!["CAN listmachines".to_owned()],
        description: Some("d".to_owned()),
    };
    rows.once(
        r#"POST /policies {"name":"read","rules":["CAN listmachines"],"description":"d"}"#,
        policies::create(&create),
    );
    rows.read("/policies/read", policies::get("read"));
    let update = UpdatePolicy { rules: Some(vec!["x".to_owned()]), ..UpdatePolicy::default() };
    rows.set(r#"POST /policies/read {"rules":["x"]}"#, policies::update("read", &update));
    rows.set("DELETE /policies/read", policies::delete("read"));
    let roles = ["ops".to_owned()];
    for (path, of) in [
        ("/", Taggable::Account),
        ("/machines", Taggable::All("machines".to_owned())),
        ("/images/ID", Taggable::One("images".to_owned(), ID.to_owned())),
        ("/machines/ID", Taggable::Instance(ID.parse().unwrap())),
        ("/users/bob/keys", Taggable::UserKeys("bob".to_owned())),
        ("/users/bob/keys/a%3Ab", Taggable::UserKey("bob".to_owned(), "a:b".to_owned())),
    ] {
        rows.set(&format!(r#"PUT {path} {{"role-tag":["ops"]}}"#), role_tags::set(&of, &roles));
    }
}

#[track_caller]
fn refused<T>(request: Result<triton_cloudapi::Request<T>, RequestError>) -> String {
    request.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn an_empty_name_never_makes_a_call_about_something_else() {
    for error in [
        refused(keys::get("")),
        refused(keys::delete("")),
        refused(keys::delete_of_user("", "k")),
        refused(keys::delete_of_user("bob", "")),
        refused(access_keys::delete("")),
        refused(users::delete("")),
        refused(roles::delete("")),
        refused(policies::delete("")),
        refused(datacenters::get("")),
        refused(users::change_password("bob", &"".into())),
        refused(role_tags::set(&Taggable::All(String::new()), &[])),
    ] {
        assert!(error.ends_with("is empty"), "{error}");
    }
    refused(users::create(&CreateUser { email: String::new(), ..bob() }));
    refused(roles::create(&CreateRole::default()));
    refused(policies::create(&CreatePolicy { name: "x".to_owned(), ..CreatePolicy::default() }));
    refused(keys::delete(".."));
}

#[test]
fn a_private_key_is_not_sent_and_not_told() {
    let key = "-----BEGIN PRIVATE KEY-----\ncanary-5f1c\n-----END PRIVATE KEY-----\n".to_owned();
    let error = refused(keys::create(&CreateKey { key, ..CreateKey::default() }));
    assert!(error.contains("public key") && !error.contains("canary"), "{error}");
    refused(keys::create(&CreateKey { key: "ssh-rsa".to_owned(), ..CreateKey::default() }));
}
