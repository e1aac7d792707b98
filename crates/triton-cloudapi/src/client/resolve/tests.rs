use serde_json::json;

use super::*;

fn uuid(number: u32) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

/// Images as id, name, version, owner, day of publication.
fn images(rows: &[(u32, &str, &str, &str, u32)]) -> Vec<Image> {
    let image = |(id, name, version, owner, day): &(u32, &str, &str, &str, u32)| {
        let published_at = format!("2026-01-{day:02}T00:00:00.000Z");
        let image = json!({"id": uuid(*id), "name": name, "version": version, "owner": owner,
            "published_at": published_at});
        serde_json::from_value(image).unwrap()
    };
    rows.iter().map(image).collect()
}

#[track_caller]
fn check_image(wanted: &str, expected: Result<u32, &str>) {
    let images = images(&[
        (0xaaaa_0001, "ubuntu", "1", "public", 1),
        (0xaaaa_0002, "ubuntu", "2", "public", 2),
        (0xbbbb_0001, "web", "1", "public", 3),
        (0xbbbb_0002, "web", "1", "me", 1),
        (0xbbbb_0003, "web", "2", "public", 4),
        (0xcccc_0001, "twin", "1", "x", 1),
        (0xcccc_0002, "twin", "1", "y", 1),
        (0xdddd_0001, "a@b", "1", "x", 1),
    ]);
    let found = image(wanted, &images, Some("me"));
    match (found, expected) {
        (Ok(image), Ok(id)) => assert_eq!(image.id.to_string(), uuid(id)),
        (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
        (found, expected) => panic!("{wanted}: {found:?} instead of {expected:?}"),
    }
}

#[test]
fn an_image_is_found_by_id_name_version_and_the_beginning_of_its_id() {
    check_image(&uuid(0xaaaa_0001), Ok(0xaaaa_0001));
    check_image("ubuntu", Ok(0xaaaa_0002));
    check_image("ubuntu@1", Ok(0xaaaa_0001));
    check_image("aaaa0002", Ok(0xaaaa_0002));
    check_image("AAAA0002-0000", Ok(0xaaaa_0002));
    check_image("a@b", Ok(0xdddd_0001));
    check_image("a@b@1", Ok(0xdddd_0001));
}

#[test]
fn the_accounts_own_image_comes_before_others_even_newer_ones() {
    check_image("web", Ok(0xbbbb_0002));
    check_image("web@1", Ok(0xbbbb_0002));
    check_image("web@2", Ok(0xbbbb_0003));
}

#[test]
fn what_is_not_there_or_not_clear_is_told_with_what_was_perhaps_meant() {
    check_image("ubunut", Err("there is no image \"ubunut\"; nearest: ubuntu@2, ubuntu@1"));
    check_image("ubuntu@3", Err("nearest: ubuntu@2, ubuntu@1"));
    check_image("aaaa", Err("\"aaaa\" stands for more than one image: aaaa0001"));
    check_image("aaa", Err("there is no image"));
    check_image("twin", Err("cccc0001-0000-4000-8000-000000000000 (twin@1), cccc0002"));
    check_image("", Err("there is no image"));
    check_image(&uuid(0xffff_ffff), Err("there is no image"));
}

fn packages(rows: &[(u32, &str, &str)]) -> Vec<Package> {
    let package = |(id, name, version): &(u32, &str, &str)| {
        let package = json!({"id": uuid(*id), "name": name, "version": version, "memory": 1,
            "disk": 1});
        serde_json::from_value(package).unwrap()
    };
    rows.iter().map(package).collect()
}

#[test]
fn a_packages_name_means_its_highest_version() {
    let packages = packages(&[
        (0x1111_0001, "small", "1.10.0"),
        (0x1111_0002, "small", "1.9.0"),
        (0x1111_0003, "small", "1.10.0-rc1"),
        (0x2222_0001, "twin", "1.0.0"),
        (0x2222_0002, "twin", "1.0.0"),
    ]);
    assert_eq!(package("small", &packages).unwrap().id.to_string(), uuid(0x1111_0001));
    assert_eq!(package("11110002", &packages).unwrap().version, "1.9.0");
    assert!(matches!(
        package("twin", &packages).unwrap_err(),
        ResolveError::Ambiguous { candidates, .. } if candidates.len() == 2
    ));
    assert!(package("smal", &packages).unwrap_err().to_string().ends_with("nearest: small"));
}

#[test]
fn versions_compare_as_semver_says() {
    let sorted = ["", "0.9", "1.0.0-alpha", "1.0.0-rc", "1.0.0", "1.2.0", "1.10.0", "20260101"];
    for pair in sorted.windows(2) {
        assert_eq!(compare_versions(pair[0], pair[1]), Ordering::Less, "{pair:?}");
    }
    assert_eq!(compare_versions("1.0.0+a", "1.0.0+b"), Ordering::Equal);
}

#[test]
fn a_name_wins_over_the_beginning_of_an_id() {
    let network = |id: u32, name: &str| -> Network {
        serde_json::from_value(json!({"id": uuid(id), "name": name})).unwrap()
    };
    let networks = [network(0xface_0001, "internal"), network(0x1234_0001, "face")];
    assert_eq!(super::network("face", &networks).unwrap().name, "face");
    assert_eq!(super::network("face0001", &networks).unwrap().name, "internal");
    assert!(super::network("extern", &networks).is_err());
}
