//! Tasks and dead letters.

use super::*;

#[tokio::test]
async fn tasks_are_made_told_and_cancelled() {
    let rig = rig().await;
    let kinds = json!([
        {"id": 1, "name": "full_profile_sync", "username": "required", "repo_name": "n/a"},
        {"id": 2, "name": "full_repository_sync", "username": "required", "repo_name": "required"},
        {"id": 3, "name": "discovery_scraper", "username": "n/a", "repo_name": "n/a"},
    ]);
    assert_eq!(rig.get("/github/tasks/").await, kinds);
    let form = "application/x-www-form-urlencoded";
    let (status, made) = rig.post(form, "name=full_profile_sync&username=Ada").await;
    assert_eq!((status, &made["success"]), (200, &json!("yes")));
    let id = made["task_id"].as_str().unwrap();
    assert_eq!(made["url"], format!("http://d.example/github/tasks/{id}/"));
    let (_, again) = rig
        .post(
            "application/json",
            r#"{"name":"full_profile_sync","username":"ada"}"#,
        )
        .await;
    assert_eq!(again, made);
    let (status, refused) = rig
        .post(form, "name=full_repository_sync&username=ada")
        .await;
    let error = "Missing repo_name. Provide a valid repository name";
    assert_eq!(
        (status, refused),
        (406, json!({"success": "no", "error": error}))
    );
    let path = format!("/github/tasks/{id}/");
    let task = rig.get(&path).await;
    assert_eq!(
        (&task["state"], &task["attempt"], &task["error"]),
        (&json!("queued"), &json!(0), &Value::Null)
    );
    assert_eq!(
        task["progress"],
        json!({"page": 0, "pages": null, "items": 0})
    );
    assert_eq!(task["cost"], json!({"requests": 0, "not_modified": 0}));
    assert_eq!(rig.get("/github/queue/").await["count"], 1);
    assert_eq!(
        rig.get("/github/tasks/?state=queued,running").await["results"][0]["id"],
        id
    );
    assert_eq!(rig.json("GET", "/github/tasks/?state=x").await.0, 400);
    let (status, cancelled) = rig.json("DELETE", &path).await;
    assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")));
    assert_eq!(rig.json("DELETE", &path).await.0, 409);
    assert_eq!(
        rig.json(
            "DELETE",
            "/github/tasks/00000000-0000-0000-0000-000000000000/"
        )
        .await
        .0,
        404
    );
}

#[tokio::test]
async fn dead_letters_are_queued_again() {
    let rig = rig().await;
    let store = &rig.database.store;
    rig.post("application/json", r#"{"name":"discovery_scraper"}"#)
        .await;
    let lease = std::time::Duration::from_secs(60);
    let held = store
        .claim_next_run("w", lease, at(0))
        .await
        .unwrap()
        .unwrap();
    store
        .finish_run(
            &held,
            &RunEnd::Dead("GitHub answered 502".to_owned()),
            at(0),
        )
        .await
        .unwrap();
    let letters = rig.get("/github/dead_letters/").await;
    assert_eq!(
        (&letters["count"], &letters["results"][0]["error"]),
        (&json!(1), &json!("GitHub answered 502"))
    );
    let path = format!("/github/dead_letters/{}/requeue/", held.id);
    assert_eq!(rig.json("POST", &path).await.1["state"], "queued");
    assert_eq!(rig.json("POST", &path).await.0, 409);
    assert_eq!(
        rig.json("POST", "/github/dead_letters/requeue/").await.1,
        json!({"requeued": 0})
    );
}
