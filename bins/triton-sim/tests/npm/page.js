// Looks at the simulator's web page with a real browser, and clicks.
//
// Standard input: {"url", "browser", "instance", "screenshots"?}. Standard output: what was seen, as JSON.
'use strict';

const fs = require('fs');
const path = require('path');

const modules = path.join(process.env.VK_TRITON_NPM, 'node_modules');
const {url, browser, instance, screenshots} = JSON.parse(fs.readFileSync(0, 'utf8'));

/** Waits until `seen` in the page gives something, and returns it. */
const until = (page, seen, ...args) =>
    page.waitForFunction(seen, {timeout: 20000}, ...args).then(found => found.jsonValue());
const shoot = (page, name) =>
    screenshots ? page.screenshot({path: path.join(screenshots, `${name}.png`)}) : null;

async function look(page) {
    const complaints = [];
    page.on('pageerror', error => complaints.push(error.message));
    page.on('console', message => {
        if (['error', 'warn'].includes(message.type())) {
            complaints.push(message.text());
        }
    });
    await page.setViewport({width: 1280, height: 800});
    await page.goto(`${url}/--sim/`);
    const row = `#instances tr[data-key="${instance}"]`;
    const cells = await until(page, row => {
        const found = document.querySelector(row);
        return found && found.textContent.includes('running') &&
            [...found.cells].map(cell => cell.textContent);
    }, row);
    await shoot(page, 'instances');

    // With the keyboard alone: to the tab of the faults, and back again.
    await page.focus('#tab-instances');
    for (const _ of ['networks', 'rules', 'faults']) {
        await page.keyboard.press('ArrowRight');
    }
    const focus = await page.evaluate(() => document.activeElement.id);
    const button = '#faults tr[data-key="outage"] button';
    await page.waitForSelector(button);
    await page.click(button);
    const struck = await until(page, button =>
        document.querySelector(button).textContent === 'Clear' &&
        document.querySelector('#tab-faults').textContent, button);
    await shoot(page, 'faults');
    const outage = (await fetch(`${url}/--ping`)).status;
    await page.click(button);
    await until(page, button => document.querySelector(button).textContent === 'Set', button);
    const healed = (await fetch(`${url}/--ping`)).status;

    await page.click('#tab-firewall-rules');
    const rule = await until(page, () => document.querySelector('#rules tbody tr')?.textContent);
    await page.click('#tab-requests');
    const request = await until(page, () =>
        [...document.querySelectorAll('#requests tbody tr')]
            .map(row => row.textContent).find(text => text.includes('script')));
    await shoot(page, 'requests');
    await page.click('#tab-changes');
    await until(page, () => document.querySelector('#changes tbody tr'));
    await shoot(page, 'changes');

    // The page follows without being asked.
    await page.click('#tab-instances');
    await page.click(`${row} button`);
    await page.click('#one-deeds button:nth-child(2)');
    const stopped = await until(page, row =>
        document.querySelector(row).textContent.includes('stopped') &&
        document.querySelector('#one-name').textContent, row);
    await shoot(page, 'one');
    await page.keyboard.press('Escape');
    await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: 'dark'}]);
    await shoot(page, 'dark');
    const injected = await page.evaluate(() => window.injected === true ||
        document.querySelectorAll('main script, main img, main b').length > 0);
    return {cells, focus, struck, outage, healed, rule, request, stopped, injected, complaints};
}

async function main() {
    const puppeteer = require(path.join(modules, 'puppeteer-core'));
    const running = await puppeteer.launch({
        executablePath: browser,
        headless: true,
        args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    try {
        console.log(JSON.stringify(await look(await running.newPage())));
    } finally {
        await running.close();
    }
}

main().catch(error => {
    console.error(error);
    process.exitCode = 1;
});
