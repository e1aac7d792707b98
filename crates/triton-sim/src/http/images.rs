//! Images.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, Call, Params, Reply, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::{Image, ImageState, ImageType, Manifest, imgapi};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/images", "ListImages", "datasets", list),
    Route::post("/:account/images", "CreateImageFromMachine", "datasets", create),
    Route::get("/:account/images/:dataset", "GetImage", "datasets", get),
    Route::post("/:account/images/:dataset", "UpdateImage", "datasets", change),
    Route::delete("/:account/images/:dataset", "DeleteImage", "datasets", delete),
];

const LIST_MAX: usize = 1000;
const NAME_LENGTH_MAX: usize = 512;
const VERSION_LENGTH_MAX: usize = 128;
const DESCRIPTION_LENGTH_MAX: usize = 512;
const URL_LENGTH_MAX: usize = 128;

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let wanted = Wanted::read(&call.params, raw_type(call))?;
    let visible = call.world.catalog.images.iter().filter(|i| i.is_visible_to(call.account));
    let mut images: Vec<&Image> = visible.filter(|image| wanted.fits(image)).collect();
    images.sort_by_key(|image| image.published_at);
    let shown = images.into_iter().take(LIST_MAX).map(|image| image.to_json(raw_type(call)));
    Ok(Answer::ok(shown.collect::<Vec<Value>>().into()))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let image = call.world.image_for(call.account, id(call)?)?;
    Ok(Answer::ok(image.to_json(raw_type(call))))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    match call.params.str("action") {
        None => create_from_instance(call),
        Some("import-from-datacenter") => import(call),
        Some(other) => {
            Err(Refusal::invalid_argument(format!("action {other} is not a valid argument")))
        }
    }
}

fn create_from_instance(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let missing = |what: &str| {
        let message = format!("{what} is a required argument");
        Refusal::new(409, "MissingParameter", message)
    };
    for (param, what) in
        [("machine", "machine"), ("name", "Image name"), ("version", "Image version")]
    {
        call.params.str(param).ok_or_else(|| missing(what))?;
    }
    let manifest = read_manifest(&call.params)?;
    let given = given_fields(&call.params);
    let instance = call.instance()?.clone();
    let id = call.world.image_from(&instance, manifest, call.now)?;
    let job = call.world.new_id();
    // The answer repeats the request; the rest is only known when the image is there.
    let mut body = json!({ "id": id, "requirements": {}, "state": "creating" });
    for (field, value) in given {
        body[field] = value;
    }
    call.resource = format!("/images/{id}");
    let location = format!("/{}/images/{id}", call.account()?.login);
    Ok(Reply::json(201, body).header("x-joyent-jobid", job).header("location", location).into())
}

fn import(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let datacenter = call.params.str("datacenter").map(str::to_owned);
    let datacenter = datacenter.ok_or_else(|| {
        Refusal::new(409, "MissingParameter", "datacenter is a required argument")
    })?;
    let text = call.params.str("id").unwrap_or_default();
    let id: Uuid =
        text.parse().map_err(|_| Refusal::invalid_argument(format!("id {text} must be a UUID")))?;
    let raw_type = raw_type(call);
    let image = call.world.import_image(call.account, &datacenter, id)?;
    Ok(Answer::ok(image.to_json(raw_type)))
}

/// `POST /:account/images/:dataset?action=…`
fn change(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = id(call)?;
    let (account, raw_type) = (call.account, raw_type(call));
    let image = match call.params.str("action") {
        Some("update") => {
            let manifest = read_manifest(&call.params)?;
            if given_fields(&call.params).is_empty() {
                let message = "invalid image update data: no parameters provided";
                return Err(imgapi("ValidationFailed", "body", "MissingParameter", message));
            }
            call.world.change_image(account, id, manifest)?
        }
        Some("clone") => call.world.clone_image(account, id, call.now)?,
        Some("export") => return export(call, id),
        Some(other) => {
            let message = format!("action {other} is not a valid argument");
            return Err(Refusal::invalid_argument(message));
        }
        None => {
            let message = "action is a required argument";
            return Err(Refusal::new(409, "MissingParameter", message));
        }
    };
    Ok(Answer::ok(image.to_json(raw_type)))
}

/// Says where the image's files would be in Manta, of which there is none.
fn export(call: &Call<'_>, id: Uuid) -> Result<Answer, Refusal> {
    let path = call.params.str("manta_path").ok_or_else(|| {
        let message = "Image destination manta_path is a required argument";
        Refusal::new(409, "MissingParameter", message)
    })?;
    let image = call.world.own_image(call.account, id)?;
    if !image.is_active() {
        let message = format!("image \"{id}\" is not active");
        return Err(imgapi("ValidationFailed", "state", "Invalid", &message));
    }
    let login = &call.account()?.login;
    if !path.starts_with(&format!("/{login}/")) {
        let message = format!("account {} is not the owner of Manta path {path}", call.account);
        return Err(Refusal::new(422, "NotMantaPathOwner", message));
    }
    let base = if path.ends_with('/') {
        format!("{path}{}-{}", image.name, image.version)
    } else {
        path.to_owned()
    };
    Ok(Answer::ok(json!({
        "manta_url": format!("https://manta.{}.example.com", super::services::DATACENTER),
        "image_path": format!("{base}.zfs.gz"),
        "manifest_path": format!("{base}.imgmanifest"),
    })))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = id(call)?;
    call.world.remove_image(call.account, id)?;
    Ok(Answer::empty(204))
}

/// CreateMachine of an image that somebody else shares, which API 9 wants to be asked for.
///
/// # Errors
/// 409 InvalidArgument.
pub(super) fn check_shared(call: &Call<'_>) -> Result<(), Refusal> {
    let image = call.params.str("image").or_else(|| call.params.str("dataset"));
    let image =
        image.and_then(|id| id.parse().ok()).and_then(|id| call.world.catalog.find_image(id));
    let Some(image) = image.filter(|image| image.is_shared_with(call.account)) else {
        return Ok(());
    };
    if call.version < ApiVersion(9, 0, 0) || call.params.is_json_true("allow_shared_images") {
        return Ok(());
    }
    Err(Refusal::invalid_argument(format!(
        "{} is a shared image - to provision a shared image you can either clone the image or set \
         \"allow_shared_images\" to true.",
        image.id
    )))
}

fn id(call: &Call<'_>) -> Result<Uuid, Refusal> {
    let text = call.params.str("dataset").unwrap_or_default();
    text.parse().map_err(|_| Refusal::not_found(format!("{text} not found")))
}

fn raw_type(call: &Call<'_>) -> bool {
    call.version >= ApiVersion(8, 0, 0)
}

/// What an owner chooses, as the answer of a create repeats it.
fn given_fields(params: &Params) -> Map<String, Value> {
    const FIELDS: [&str; 7] = ["name", "version", "description", "homepage", "eula", "acl", "tags"];
    let given = |field: &str| Some((field.to_owned(), params.get(field)?.clone()));
    FIELDS.into_iter().filter_map(given).collect()
}

/// # Errors
/// 422 ValidationFailed with a list of the fields that are wrong.
fn read_manifest(params: &Params) -> Result<Manifest, Refusal> {
    let invalid = |field: &str| {
        let message = format!("invalid image manifest: {field}");
        imgapi("ValidationFailed", field, "Invalid", &message)
    };
    let text = |field: &str, length_max: usize| match params.get(field) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= length_max => Ok(Some(text.clone())),
        Some(_) => Err(invalid(field)),
    };
    let acl = match params.get("acl") {
        None => None,
        Some(Value::Array(items)) => {
            let ids = items.iter().map(|item| item.as_str().and_then(|id| id.parse().ok()));
            Some(ids.collect::<Option<Vec<Uuid>>>().ok_or_else(|| invalid("acl"))?)
        }
        Some(_) => return Err(invalid("acl")),
    };
    let tags = match params.get("tags") {
        None => None,
        Some(Value::Object(tags)) => Some(tags.clone()),
        Some(_) => return Err(invalid("tags")),
    };
    Ok(Manifest {
        name: text("name", NAME_LENGTH_MAX)?,
        version: text("version", VERSION_LENGTH_MAX)?,
        description: text("description", DESCRIPTION_LENGTH_MAX)?,
        homepage: text("homepage", URL_LENGTH_MAX)?,
        eula: text("eula", URL_LENGTH_MAX)?,
        acl,
        tags,
    })
}

/// The filters of a ListImages.
struct Wanted<'a> {
    params: &'a Params,
    /// `None` is all.
    state: Option<ImageState>,
    public: Option<bool>,
    owner: Option<Uuid>,
    image_type: Option<(&'a str, bool)>,
}

// === impl Wanted ===

impl<'a> Wanted<'a> {
    /// # Errors
    /// 422 InvalidParameter for a state that is none, 409 InvalidArgument for a type API 7 does not know.
    fn read(params: &'a Params, raw_type: bool) -> Result<Self, Refusal> {
        let state = match params.str("state").unwrap_or("active") {
            "all" => None,
            "active" => Some(ImageState::Active),
            "disabled" => Some(ImageState::Disabled),
            // What is not activated is being made, or could not be.
            "unactivated" | "creating" => Some(ImageState::Creating),
            "failed" => Some(ImageState::Failed),
            other => {
                let message = format!("invalid state: \"{other}\"");
                return Err(imgapi("InvalidParameter", "state", "Invalid", &message));
            }
        };
        let image_type = match params.str("type") {
            None => None,
            Some(wanted) if raw_type => match wanted.strip_prefix('!') {
                Some(unwanted) => Some((unwanted, false)),
                None => Some((wanted, true)),
            },
            Some("smartmachine") => Some((ImageType::ZoneDataset.as_str(), true)),
            Some("virtualmachine") => Some((ImageType::Zvol.as_str(), true)),
            Some(other) => {
                let message = format!("image type {other} is not a valid type");
                return Err(Refusal::invalid_argument(message));
            }
        };
        // An owner that is no UUID owns nothing.
        let owner = params.str("owner").map(|owner| owner.parse().unwrap_or(Uuid::nil()));
        Ok(Self { params, state, public: params.bool("public"), owner, image_type })
    }

    fn fits(&self, image: &Image) -> bool {
        let text = |key: &str, found: &str| {
            self.params.str(key).is_none_or(|wanted| text_matches(wanted, found))
        };
        self.state.is_none_or(|state| state == image.state)
            && self.public.is_none_or(|public| public == image.public)
            && self.owner.is_none_or(|owner| owner == image.owner)
            && self.image_type.is_none_or(|(kind, is)| (kind == image.image_type.as_str()) == is)
            && text("name", &image.name)
            && text("version", &image.version)
            && self.params.str("os").is_none_or(|wanted| wanted == image.os)
    }
}

/// Exact, or with `~` in front a part.
fn text_matches(wanted: &str, text: &str) -> bool {
    match wanted.strip_prefix('~') {
        Some(part) => text.contains(part),
        None => wanted == text,
    }
}
