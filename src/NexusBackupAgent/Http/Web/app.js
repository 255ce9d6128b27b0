// The page: a bar with the ways, and the place that the address names.
import { render } from './vendor/preact.js';
import { html } from './html.js';
import { whoAmI } from './api.js';
import { Empty, Heading, Skeleton } from './parts.js';
import { Glyph, StateIcon } from './icons.js';
import { Overview } from './overview.js';
import { Source } from './source.js';
import { Backup, Backups } from './backups.js';
import { Run, Runs } from './runs.js';
import { Restore } from './restore.js';
import { Runbook } from './runbook.js';
import { Settings } from './settings.js';
import { SignIn, UserMenu } from './user.js';
import { me, route, to } from './state.js';
import { t } from './texts.js';

const WAYS = [['overview', to()], ['backups', to('backups')], ['runs', to('runs')], ['runbook', to('runbook', 'checklist')], ['settings', to('settings', 'backup')]];
const WAY_OF = { undefined: 'overview', source: 'overview', restore: 'overview', backup: 'backups' };

function Place() {
    const [place, name] = route.value.path;
    if (!me.value) return html`<${Skeleton} tall/>`;
    if (!me.value.role || place === 'login') return html`<${SignIn}/>`;
    switch (place) {
        case undefined: return html`<${Overview}/>`;
        case 'source': return html`<${Source} key=${name} name=${name}/>`;
        case 'backups': return html`<${Backups}/>`;
        case 'backup': return html`<${Backup} key=${name} id=${name}/>`;
        case 'runs': return name ? html`<${Run} key=${name} id=${name}/>` : html`<${Runs}/>`;
        case 'restore': return html`<${Restore} key=${name} name=${name}/>`;
        case 'runbook': return html`<${Runbook} place=${['checklist', 'diagnose', 'report'].includes(name) ? name : 'checklist'}/>`;
        case 'settings': return html`<${Settings} place=${name}/>`;
        default: return html`<${Heading} title=${t('notfound')}>${t('notfound')}<//><${Empty} title=${t('notfound')}><a href=${to()}>${t('nav.overview')}</a><//>`;
    }
}

function Page() {
    const current = WAY_OF[route.value.path[0]] ?? route.value.path[0];
    const closed = me.value && !me.value.role;
    return html`
        <a class="skip" href="#main" onClick=${event => { event.preventDefault(); document.querySelector('h1')?.focus(); }}>${t('skip')}</a>
        <header class="bar"><a class="brand" href=${to()}><img src="/assets/icon.svg" alt="" width="24" height="24"/><span>Nexus Backup</span></a>
            ${!closed && html`<nav class="ways" aria-label=${t('nav')}>${WAYS.map(([key, href]) => html`<a href=${href} aria-current=${key === current ? 'page' : undefined}><${Glyph} name=${key}/><span>${t(`nav.${key}`)}</span></a>`)}</nav>`}
            <${UserMenu}/></header>
        <main id="main">${me.value?.role && !me.value.user && html`<p class="notice"><${StateIcon} state="NEW"/><span>${t('nousers')}</span></p>`}<${Place}/></main>`;
}

render(html`<${Page}/>`, document.getElementById('page'));
whoAmI();
