//! Images.

use serde_json::Value;
use uuid::Uuid;

use super::{Answer, Call, Params, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::{Image, ImageType};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/images", "ListImages", "datasets", list),
    Route::get("/:account/images/:dataset", "GetImage", "datasets", get),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let raw_type = call.version >= ApiVersion(8, 0, 0);
    let images = call.world.catalog.images.iter().filter(|image| is_wanted(image, &call.params));
    Ok(Answer::ok(images.map(|image| image.to_json(raw_type)).collect::<Vec<Value>>().into()))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = call.params.str("dataset").and_then(|id| id.parse::<Uuid>().ok());
    let image = id.and_then(|id| call.world.catalog.find_image(id));
    let image = image.ok_or_else(|| Refusal::not_found("image not found"))?;
    Ok(Answer::ok(image.to_json(call.version >= ApiVersion(8, 0, 0))))
}

fn is_wanted(image: &Image, params: &Params) -> bool {
    let state = match params.str("state").unwrap_or("active") {
        "all" => true,
        "active" => image.active,
        "disabled" => !image.active,
        _ => false,
    };
    let public = match params.str("public") {
        Some("false") => false,
        // All seeded images are the operator's, and public.
        _ => true,
    };
    let image_type = params.str("type").is_none_or(|wanted| match wanted.strip_prefix('!') {
        Some(unwanted) => !is_type(image.image_type, unwanted),
        None => is_type(image.image_type, wanted),
    });
    state
        && public
        && image_type
        && params.str("name").is_none_or(|wanted| text_matches(wanted, &image.name))
        && params.str("version").is_none_or(|wanted| text_matches(wanted, &image.version))
        && params.str("os").is_none_or(|wanted| wanted == image.os)
        && params.str("owner").is_none_or(|wanted| image.to_json(true)["owner"] == wanted)
}

fn is_type(image_type: ImageType, wanted: &str) -> bool {
    wanted == image_type.as_str() || wanted == image_type.as_old_str()
}

/// Exact, or with `~` in front a part.
fn text_matches(wanted: &str, text: &str) -> bool {
    match wanted.strip_prefix('~') {
        Some(part) => text.contains(part),
        None => wanted == text,
    }
}
