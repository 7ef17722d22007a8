//! Neighbours, paths and exports.

use super::*;

#[tokio::test]
async fn neighbours_and_paths() {
    let rig = rig().await;
    rig.fill().await;
    let near = rig.get("/github/graph/neighbors/DEV1").await;
    let names = |body: &Value| -> Vec<(String, i64)> {
        let nodes = body["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| {
                (
                    node["name"].as_str().unwrap().to_owned(),
                    node["distance"].as_i64().unwrap(),
                )
            })
            .collect()
    };
    let expected = [("dev1", 0), ("dev4", 1), ("dev2", 1), ("dev3", 1)];
    assert_eq!(
        names(&near),
        expected.map(|(name, distance)| (name.to_owned(), distance))
    );
    assert_eq!(
        (near["edges"].as_array().unwrap().len(), &near["complete"]),
        (3, &json!(true))
    );
    let far = rig
        .get("/github/graph/neighbors/dev1?kind=following&depth=99")
        .await;
    assert_eq!((&far["depth"], names(&far).len()), (&json!(6), 3));
    let stars = rig.get("/github/graph/neighbors/dev2/?kind=stars").await;
    assert_eq!(stars["nodes"][1]["name"], "dev1/r");
    for (path, status) in [
        ("/github/graph/neighbors/nobody", 404),
        ("/github/graph/neighbors/dev1?kind=x", 400),
        ("/github/graph/neighbors/dev1?depth=x", 400),
        ("/github/graph/path?from=dev1", 400),
        ("/github/graph/path?from=dev1&to=nobody", 404),
    ] {
        assert_eq!(rig.json("GET", path).await.0, status, "{path}");
    }
    let way = rig.get("/github/graph/path?from=dev2&to=dev5").await;
    let logins: Vec<&str> = way["path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["login"].as_str().unwrap())
        .collect();
    assert_eq!(
        (logins, &way["length"]),
        (vec!["dev2", "dev1", "dev4", "dev5"], &json!(3))
    );
    let none = rig.get("/github/graph/path?from=dev5&to=dev1").await;
    assert_eq!(
        (&none["path"], &none["complete"]),
        (&Value::Null, &json!(true))
    );
    let same = rig.get("/github/graph/path?from=dev5&to=dev5").await;
    assert_eq!(same["length"], 0);
}

#[tokio::test]
async fn exports_have_closed_edges_too() {
    let rig = rig().await;
    rig.fill().await;
    let store = &rig.database.store;
    let pass = store
        .begin_pass(EdgeKind::Follows, Anchor::To(1))
        .await
        .unwrap();
    store.append_page(&pass, &[3], at(9)).await.unwrap();
    store
        .finish_pass(&pass, PassEnd::Complete, at(10))
        .await
        .unwrap();
    let text = async |format: &str| match rig.get(&format!("/github/export?format={format}")).await
    {
        Value::String(text) => text,
        other => panic!("{other}"),
    };
    let lines = text("jsonl").await;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((of("developer"), of("repository"), of("edge")), (25, 1, 5));
    let closed: Vec<&Value> = lines
        .iter()
        .filter(|line| line["type"] == "edge" && !line["closed_at"].is_null())
        .collect();
    assert_eq!(
        (
            closed.len(),
            closed[0]["from_login"].as_str(),
            closed[0]["closed_at"].as_str()
        ),
        (1, Some("dev2"), Some("2023-11-14T22:13:30Z"))
    );
    let csv = text("csv").await;
    assert_eq!(csv.lines().count(), 6);
    assert!(
        csv.contains("stars,2,dev2,100,dev1/r,2023-11-14T22:13:20Z,\n"),
        "{csv}"
    );
    let graph = text("graphml").await;
    assert_eq!(
        (
            graph.matches("<node ").count(),
            graph.matches("<edge ").count()
        ),
        (26, 4)
    );
    assert!(graph.ends_with("</graph></graphml>\n"));
    assert_eq!(rig.json("GET", "/github/export?format=xls").await.0, 400);
}
