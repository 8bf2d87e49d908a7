//! scratch
use nexus_e2e::play;
use serde_json::json;
use std::time::Duration;

#[test]
fn scratch() {
    play(async |stage| {
        let exchange = stage.exchange(Default::default()).await?;
        let browser = stage.browser().await?;
        browser.open(&format!("{}/_state", exchange.url())).await?;
        browser.script::<serde_json::Value>(&format!("window.events=[]; window.ws=new WebSocket('{}/ws'); for (const e of ['open','close','error']) ws.addEventListener(e, () => events.push(e)); window.n=0; ws.onmessage=()=>n++; for (const e of ['online','offline']) window.addEventListener(e, () => events.push(e)); document.addEventListener('visibilitychange', () => events.push('vis '+document.visibilityState)); document.addEventListener('freeze', ()=>events.push('freeze')); document.addEventListener('resume', ()=>events.push('resume')); window.ticks=0; setInterval(()=>window.ticks++, 100); return null", exchange.url().replace("http","ws")), vec![]).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        browser.script::<serde_json::Value>("ws.send(JSON.stringify({method:'subscribe',subscription:{type:'l2Book',coin:'BTC',fast:true}})); return null", vec![]).await?;
        let show = async |what: &str| {
            let v: serde_json::Value = browser
                .script(
                    "return [events, n, ticks, navigator.onLine, document.visibilityState]",
                    vec![],
                )
                .await
                .unwrap();
            println!("{what}: {v}");
        };
        tokio::time::sleep(Duration::from_millis(1500)).await;
        show("start").await;
        browser.go_offline(true).await?;
        tokio::time::sleep(Duration::from_millis(2000)).await;
        show("offline").await;
        browser.go_offline(false).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        show("online").await;
        println!(
            "{:?}",
            browser
                .devtools("Page.setWebLifecycleState", json!({"state":"frozen"}))
                .await
        );
        tokio::time::sleep(Duration::from_millis(2000)).await;
        println!(
            "{:?}",
            browser
                .devtools("Page.setWebLifecycleState", json!({"state":"active"}))
                .await
        );
        show("frozen").await;
        let targets = browser.devtools("Target.getTargets", json!({})).await?;
        let target = targets["targetInfos"][0]["targetId"].clone();
        let w = browser
            .devtools("Browser.getWindowForTarget", json!({"targetId":target}))
            .await;
        println!("{w:?}");
        if let Ok(w) = w {
            println!(
                "{:?}",
                browser
                    .devtools(
                        "Browser.setWindowBounds",
                        json!({"windowId": w["windowId"], "bounds": {"windowState":"minimized"}})
                    )
                    .await
            );
            tokio::time::sleep(Duration::from_millis(2000)).await;
            show("min").await;
            println!(
                "{:?}",
                browser
                    .devtools(
                        "Browser.setWindowBounds",
                        json!({"windowId": w["windowId"], "bounds": {"windowState":"normal"}})
                    )
                    .await
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
            show("normal").await;
        }
        println!(
            "{:?}",
            browser
                .devtools("Target.createTarget", json!({"url":"about:blank"}))
                .await
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
        show("newtab").await;
        browser
            .script::<serde_json::Value>("console.error('boo'); return null", vec![])
            .await?;
        println!("{:?}", browser.console().await?);
        println!("{:?}", browser.picture().await?.size());
        println!("{}", exchange.trades("BTC", 0).await?.trades.len());
        anyhow::bail!("end")
    });
}
