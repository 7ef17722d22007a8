//! Releases and their assets.

use super::content::Release;
use super::model::RepositoryIndex;
use super::object::object;
use super::reply::{Adjust, Reply, json, not_found};
use super::time::iso;
use super::view::{View, node_id};
use serde_json::Value;

impl View<'_> {
    pub(crate) fn asset(&self, index: RepositoryIndex, release: &Release, number: u32) -> Value {
        let id = release.id * 10 + u64::from(number);
        let name = if number == 0 {
            "checksums.txt".to_owned()
        } else {
            format!("tool-linux-{number}.tar.gz")
        };
        object! {
            "url": format!("{}/releases/assets/{id}", self.repository_url(index)),
            "id": id,
            "node_id": node_id("ReleaseAsset", id),
            "name": name.as_str(),
            "label": "",
            "uploader": self.simple_user(release.author),
            "content_type": if number == 0 { "text/plain" } else { "application/gzip" },
            "state": "uploaded",
            "size": 1_024 * (u64::from(number) + 1),
            "digest": format!("sha256:{}", hex::encode(<sha2::Sha256 as sha2::Digest>::digest(id.to_be_bytes()))),
            "download_count": release.downloads / (u64::from(number) + 1),
            "created_at": iso(release.created_at),
            "updated_at": iso(release.created_at),
            "browser_download_url": format!("{}/releases/download/{}/{name}", self.html_url(index), release.tag),
        }
    }

    pub(crate) fn release(&self, index: RepositoryIndex, release: &Release) -> Value {
        let (base, html_url) = (self.repository_url(index), self.html_url(index));
        let url = format!("{base}/releases/{}", release.id);
        let assets: Vec<Value> = (0..release.assets)
            .map(|number| self.asset(index, release, number))
            .collect();
        object! {
            "url": url.as_str(),
            "assets_url": format!("{url}/assets"),
            "upload_url": format!(
                "https://uploads.github.com/repos/{}/releases/{}/assets{{?name,label}}",
                self.model.full_name(index),
                release.id
            ),
            "html_url": format!("{html_url}/releases/tag/{}", release.tag),
            "id": release.id,
            "author": self.simple_user(release.author),
            "node_id": node_id("Release", release.id),
            "tag_name": release.tag.as_str(),
            "target_commitish": self.model.repository(index).default_branch.as_str(),
            "name": release.tag.as_str(),
            "draft": false,
            "immutable": false,
            "prerelease": release.prerelease,
            "created_at": iso(release.created_at),
            "updated_at": iso(release.created_at),
            "published_at": iso(release.created_at + 600),
            "assets": assets,
            "tarball_url": format!("{base}/tarball/{}", release.tag),
            "zipball_url": format!("{base}/zipball/{}", release.tag),
            "body": "What changed: see the log.",
        }
    }

    pub(crate) fn release_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let docs = "/releases/releases#get-a-release";
        let releases = &self.model.content(index).releases;
        let found = match rest {
            [] => return self.page(releases, |release| self.release(index, release)),
            ["assets", id] => {
                let wanted: u64 = id.parse().map_err(|_| not_found(docs))?;
                let release = releases.iter().find(|release| release.id == wanted / 10);
                let release = release.filter(|release| wanted % 10 < u64::from(release.assets));
                let release =
                    release.ok_or_else(|| not_found("/releases/assets#get-a-release-asset"))?;
                return Ok(json(self.asset(index, release, (wanted % 10) as u32))
                    .modified(release.created_at));
            }
            ["latest"] => releases.iter().find(|release| !release.prerelease),
            ["tags", tag @ ..] => releases.iter().find(|release| release.tag == tag.join("/")),
            [id, ..] => releases
                .iter()
                .find(|release| release.id.to_string() == *id),
        };
        let release = found.ok_or_else(|| not_found(docs))?;
        if let [_, "assets"] = rest {
            let numbers: Vec<u32> = (0..release.assets).collect();
            return self.page(&numbers, |number| self.asset(index, release, *number));
        }
        Ok(json(self.release(index, release)).modified(release.created_at))
    }
}
