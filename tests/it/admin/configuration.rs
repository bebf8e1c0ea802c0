//! What rules is shown, and what is offered is checked without telling what is on the machine.

use super::*;

#[tokio::test]
async fn the_effective_configuration_is_shown_without_secrets() {
    let origin = Origin::shop().await;
    let deny = "otherwise: allow\n    deny: { redirect: \"https://anna:hunter3@shop.example/sorry\" }";
    let desk = Desk::open(&format!("{ADMIN}{}", shop_with(&[("otherwise: allow", deny)])), &origin).await;
    let shown = desk.get("/api/v1/config").await.json();
    assert_eq!(
        (&shown["mode"], &shown["product"], &shown["restart"]),
        (&"enforce".into(), &"shop".into(), &serde_json::json!([]))
    );
    assert_eq!(shown["since"], "2026-11-22T09:00:00.000Z");
    assert_eq!(shown["config"], &*desk.gate.inner.live.load().settings.hash);
    let effective = shown["effective"].as_str().unwrap();
    assert!(
        effective.contains("https://anna:***@shop.example/sorry") && effective.contains("# default"),
        "{effective}"
    );
    assert!(!shown.to_string().contains("hunter3") && !shown.to_string().contains(&desk.token));

    let file = desk.gate.dir().join("tollgate.yaml");
    std::fs::write(&file, "version: 1\nmodus: x\n").unwrap();
    let refused = desk.post("/api/v1/config/reload", &serde_json::json!({})).await;
    assert_eq!((refused.status, &refused.json()["type"]), (413, &"urn:tollgate:problem:too-large".into()));
    let refused = desk.send(desk.head("POST", "/api/v1/config/reload", "Content-Length: 0\r\n")).await;
    assert_eq!(refused.status, 422);
    assert!(refused.json()["report"].as_str().unwrap().contains("unknown key `modus`"));
    let shown = desk.get("/api/v1/config").await.json();
    assert_eq!(shown["product"], "shop");
    assert!(shown["refused"]["problems"].as_u64().unwrap() > 1 && shown["refused"]["at"] == "2026-11-22T09:00:00.000Z");
}

#[tokio::test]
async fn what_is_offered_is_checked_as_the_command_does_it() {
    let (desk, _origin) = desk().await;
    let check = async |text: &str| desk.post_as("application/yaml", "/api/v1/config/check", text).await.json();
    let fine = check(&desk.gate.yaml).await;
    assert_eq!((&fine["ok"], &fine["problems"]), (&true.into(), &serde_json::json!([])), "{fine:#}");
    let wrong = check(&desk.gate.yaml.replace("otherwise: allow", "otherwise: alow")).await;
    assert_eq!(wrong["ok"], false);
    assert_eq!(wrong["problems"][0]["path"], "policies.login.otherwise");
    assert!(wrong["problems"][0]["line"].as_u64().unwrap() > 10);
    // Lists are read as well, if they lie beside the configuration.
    std::fs::write(desk.gate.dir().join("list.txt"), "203.0.113.1\nnot an address\n").unwrap();
    let listed =
        check(&format!("{}lists: {{ a: {{ effect: note, of: ip, file: list.txt }} }}\n", desk.gate.yaml)).await;
    assert!(listed["problems"][0]["message"].as_str().unwrap().contains("list.txt:2"), "{listed:#}");
    assert_eq!(check("").await["ok"], false);
    assert_eq!(check(": [").await["ok"], false);
    let media = desk.post_as("application/json", "/api/v1/config/check", "{}").await;
    assert_eq!(media.status, 415);
}

/// As `curl` does it with a large file.
#[tokio::test]
async fn whoever_waits_to_be_told_to_go_on_is_told() {
    use tokio::io::AsyncBufReadExt;
    let (desk, _origin) = desk().await;
    let more = format!(
        "Content-Type: application/yaml\r\nExpect: 100-continue\r\nContent-Length: {}\r\n",
        desk.gate.yaml.len()
    );
    let mut connection = crate::harness::http::Connection::open(desk.address).await;
    connection.write(desk.head("POST", "/api/v1/config/check", &more)).await;
    let mut line = String::new();
    crate::harness::within("the word to go on", connection.socket.read_line(&mut line)).await.unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");
    connection.socket.read_line(&mut line).await.unwrap();
    connection.write(&desk.gate.yaml).await;
    assert_eq!(connection.read().await.unwrap().json()["ok"], true);
}

/// A token holder need not be allowed to read this machine's files, nor its environment.
#[tokio::test]
async fn a_check_tells_nothing_of_the_machine() {
    let (desk, _origin) = desk().await;
    let outside = tempfile::tempdir().unwrap();
    let (there, gone) = (outside.path().join("there"), outside.path().join("gone"));
    std::fs::write(&there, "secret\n").unwrap();
    std::os::unix::fs::symlink(&there, desk.gate.dir().join("link")).unwrap();
    let check = async |path: &str| {
        let text = format!("{}lists: {{ a: {{ effect: note, of: ip, file: \"{path}\" }} }}\n", desk.gate.yaml);
        let report = desk.post_as("application/yaml", "/api/v1/config/check", &text).await.json();
        report["problems"][0]["message"].as_str().unwrap().replace(path, "PATH")
    };
    let told = check(there.to_str().unwrap()).await;
    assert!(told.contains("beside the running configuration"), "{told}");
    let up = format!("../{}/there", outside.path().file_name().unwrap().to_str().unwrap());
    for path in [
        gone.to_str().unwrap(),
        "/etc/shadow",
        "/etc/passwd",
        "/nowhere/at/all",
        "link",
        &up,
        "../gone",
        "/proc/self/environ",
    ] {
        assert_eq!(check(path).await, told, "{path}");
    }
    let variable = desk.gate.yaml.replace("product: shop", "product: \"${PATH}\"");
    let report = desk.post_as("application/yaml", "/api/v1/config/check", &variable).await.json();
    assert_eq!(report["ok"], false);
    assert!(!report.to_string().contains(&std::env::var("PATH").unwrap()), "{report:#}");
}
