//! Rules of the architecture that the compiler does not check.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    assert!(files.len() > 30, "the sources were found");
    files
}

/// The source files that mention a crate outside of comments, as paths under `src/`.
fn files_with(krate: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "the sources were found");
    let mentions = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| line.contains(krate))
    };
    let name = |path: PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    files.into_iter().filter(mentions).map(name).collect()
}

#[test]
fn actix_is_imported_by_http_alone() {
    for file in files_with("actix_web") {
        assert!(
            file == "server.rs" || file.starts_with("http/") || file.ends_with("/routes.rs"),
            "{file} imports actix"
        );
    }
}

#[test]
fn http_is_imported_by_routes_alone() {
    for file in files_with("crate::http") {
        assert!(
            file == "server.rs" || file.starts_with("http/") || file.ends_with("/routes.rs"),
            "{file} imports http"
        );
    }
}

#[test]
fn sqlx_is_imported_by_stores_alone() {
    for file in files_with("sqlx::") {
        assert!(
            file.starts_with("db/")
                || file.starts_with("resources/users/search/")
                || file.ends_with("store.rs"),
            "{file} imports sqlx"
        );
    }
}

#[test]
fn statements_are_in_the_list_of_their_store() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for path in files.iter().filter(|path| path.ends_with("store.rs")) {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains("sqlx::query("), "{}: a statement without a name", path.display());
        let list = text.split("const STATEMENTS").nth(1).and_then(|t| t.split("\n\n").next());
        let list = list.expect("a list of statements");
        for line in text.lines() {
            if let Some(name) =
                line.strip_prefix("static ").and_then(|l| l.split(": Statement").next().filter(|n| *n != l))
            {
                assert!(
                    list.contains(&format!("&{name}")),
                    "{}: {name} is not in STATEMENTS",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn stores_are_in_the_list_of_the_server() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let server = fs::read_to_string(root.join("server.rs")).unwrap();
    let mut files = Vec::new();
    sources(&root, &mut files);
    for path in files.iter().filter(|path| path.ends_with("store.rs")) {
        let resource =
            path.parent().unwrap().strip_prefix(&root).unwrap().to_string_lossy().replace('/', "::");
        assert!(
            server.contains(&format!("crate::{resource}::store::STATEMENTS")),
            "{resource} is not in server::statements"
        );
    }
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut numbers: Vec<u32> = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "schema.sql" && Path::new(&name).extension().is_some_and(|e| e == "sql") {
            let number = name.strip_prefix('V').and_then(|n| n.split("__").next()).filter(|n| n.len() == 4);
            numbers.push(
                number
                    .and_then(|n| n.parse().ok())
                    .unwrap_or_else(|| panic!("{name} is not V0001__name.sql")),
            );
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=u32::try_from(numbers.len()).unwrap()).collect::<Vec<_>>());
}

#[test]
fn coverage_table_matches_the_registered_routes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/auth0-coverage.md");
    let table = fs::read_to_string(path).unwrap();
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let endpoint = cells.next()?.strip_suffix('`')?.to_owned();
        Some((endpoint, cells.next()?.to_owned(), cells.next()?.to_owned()))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 50, "the table was found");
    let auth0 =
        |path: &str| !path.starts_with("/health/") && !path.starts_with("/lo/") && !path.starts_with("/u/");
    let registered: Vec<String> = roster::server::endpoints()
        .iter()
        .filter(|e| auth0(e.path))
        .map(|e| format!("{} {}", e.method, e.path))
        .collect();
    for endpoint in &registered {
        assert_eq!(rows.iter().filter(|(row, ..)| row == endpoint).count(), 1, "{endpoint} has one row");
    }
    for (endpoint, there, notes) in rows {
        match there.as_str() {
            "full" => assert!(registered.contains(&endpoint), "{endpoint} is not registered"),
            "part" => {
                assert!(registered.contains(&endpoint) && !notes.is_empty(), "{endpoint}: what is missing?");
            }
            "no" => assert!(!registered.contains(&endpoint), "{endpoint} is registered"),
            other => panic!("{endpoint}: {other} is none of full, part, no"),
        }
    }
}

/// The layers of `src/README.md`, from the top: a line each, with the modules on it.
fn layers() -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("src/README.md")).unwrap();
    let block = text.split("```layers\n").nth(1).and_then(|rest| rest.split("```").next());
    let lines = block.expect("a block of layers").lines();
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// The module that is on a layer: a root entry of `src/`, or a folder of `resources/`.
fn module_of<'a>(mut path: impl Iterator<Item = &'a str>) -> String {
    let first = path.next().unwrap_or_default();
    match path.next() {
        Some(second) if first == "resources" && second != "mod" => format!("resources/{second}"),
        _ => first.to_owned(),
    }
}

/// The modules that a source file imports, with the line of the import.
fn imports(text: &str) -> Vec<(String, String)> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let path: String =
            code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || "_:{, \n".contains(*c)).collect();
        let line = code[at..].lines().next().unwrap_or_default().to_owned();
        assert!(!path.starts_with('{'), "an import of several modules hides their layers: {line}");
        match path.split_once("::{") {
            Some(("resources", names)) => {
                let names = names.split(',').map(|name| name.trim().split("::").next().unwrap_or_default());
                found.extend(
                    names.filter(|n| !n.is_empty()).map(|n| (format!("resources/{n}"), line.clone())),
                );
            }
            _ => found.push((module_of(path.split("::")), line)),
        }
    }
    found
}

#[test]
fn layers_have_no_upward_import_and_no_ring() {
    let layers = layers();
    let rank = |module: &str| layers.iter().position(|layer| layer.iter().any(|m| m == module));
    let mut problems = Vec::new();
    for path in source_files() {
        let relative = path.strip_prefix(root().join("src")).unwrap().with_extension("");
        let module = module_of(relative.iter().map(|part| part.to_str().unwrap()));
        if ["lib", "resources"].contains(&module.as_str()) {
            continue;
        }
        let Some(own) = rank(&module) else {
            problems.push(format!("{module} is on no layer of src/README.md"));
            continue;
        };
        for (imported, line) in imports(&fs::read_to_string(&path).unwrap()) {
            match rank(&imported) {
                _ if imported == module => {}
                Some(other) if other > own => {}
                _ => problems.push(format!("{}: {line}: {imported} is not below {module}", path.display())),
            }
        }
    }
    problems.dedup();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The argument list that begins at an opening parenthesis, and the code behind it.
fn arguments(code: &str) -> (&str, &str) {
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for (at, c) in code.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&code[1..at], &code[at + 1..]);
        }
    }
    panic!("unbalanced: {code}");
}

#[test]
fn statements_are_bound_by_the_names_of_their_files() {
    let mut chains = 0;
    for path in source_files() {
        let text = fs::read_to_string(&path).unwrap();
        for definition in text.split("\nstatic ").skip(1) {
            let name = definition.split(": Statement").next().unwrap();
            let file = definition.split("include_str!(\"").nth(1).and_then(|rest| rest.split('"').next());
            let Some(file) = file.filter(|_| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')) else {
                continue;
            };
            let sql = fs::read_to_string(path.parent().unwrap().join(file)).unwrap();
            let declared: Vec<&str> =
                sql.lines().filter_map(|line| line.strip_prefix("-- $")?.split_whitespace().nth(1)).collect();
            for (at, _) in
                text.match_indices(&format!("{name}\n")).chain(text.match_indices(&format!("{name}.")))
            {
                let is_whole = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                let mut rest = text[at + name.len()..].trim_start();
                let mut bound = Vec::new();
                while let Some(call) = rest.strip_prefix(".bind").filter(|_| is_whole) {
                    let (arguments, behind) = arguments(call);
                    bound.push(arguments.trim_start().trim_start_matches('"').split('"').next().unwrap());
                    rest = behind.trim_start();
                }
                // A chain that continues through a variable or an argument is checked up to there.
                let is_continued = !rest.starts_with(".fetch") && !rest.starts_with(".execute");
                assert!(
                    bound.is_empty() || bound == declared || is_continued && declared.starts_with(&bound),
                    "{}: {name} binds {bound:?}, {file} declares {declared:?}",
                    path.display()
                );
                chains += usize::from(!bound.is_empty());
            }
        }
    }
    assert!(chains > 100, "{chains} chains were found");
}

#[test]
fn files_that_the_architecture_names_exist() {
    let text = fs::read_to_string(root().join("src/README.md")).unwrap();
    let names = text.split('`').skip(1).step_by(2).map(|name| name.split("::").next().unwrap());
    let paths: Vec<&str> = names
        .filter(|name| name.contains('/') && Path::new(name).extension().is_some_and(|e| e == "rs"))
        .collect();
    assert!(paths.len() > 5, "{paths:?}");
    for path in paths {
        let exists = ["src", "", "src/resources"].iter().any(|base| root().join(base).join(path).exists());
        assert!(exists, "{path} does not exist");
    }
}
