// Who looks: signing in and out, the menu of the user, and the user's own token.
import { useEffect, useRef, useState } from './vendor/hooks.js';
import { html } from './html.js';
import { post, whoAmI } from './api.js';
import { Copy, Heading, Trouble, When } from './parts.js';
import { Glyph } from './icons.js';
import { go, language, me, route, theme, to } from './state.js';
import { t } from './texts.js';

function useForm(send) {
    const [state, setState] = useState({ busy: false, problem: null });
    const submit = async event => {
        event.preventDefault();
        const fields = Object.fromEntries(new FormData(event.target));
        setState({ busy: true, problem: null });
        try { await send(fields, event.target); setState({ busy: false, problem: null }); } catch (problem) { setState({ busy: false, problem }); }
    };
    return { ...state, submit };
}

export function SignIn() {
    const { busy, problem, submit } = useForm(async fields => {
        await post('auth/login', { ...fields, session: true });
        await whoAmI();
        if (route.value.path[0] === 'login') go();
    });
    return html`<div class="signin"><${Heading} title=${t('signin')}>${t('signin')}<//>
        <form class="card" onSubmit=${submit}>
            ${problem && html`<${Trouble} problem=${problem}/>`}
            <label class="field"><span>${t('username')}</span><input name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required/></label>
            <label class="field"><span>${t('password')}</span><input name="password" type="password" autocomplete="current-password" required/></label>
            <button class="primary" disabled=${busy}>${t('signin')}</button>
        </form></div>`;
}

/** A token for scripts, of the user's own role: asked for with the password, shown once, kept nowhere. */
export function Token() {
    const [token, setToken] = useState(null);
    const { busy, problem, submit } = useForm(async (fields, form) => {
        setToken(await post('auth/login', { username: me.value.user, password: fields.password, session: false }));
        form.reset();
    });
    return html`<form class="card" onSubmit=${submit}><h2>${t('token')}</h2><p>${t('token.text')}</p>
        <input class="unseen" type="text" name="username" autocomplete="username" value=${me.value.user} readonly tabindex="-1" aria-hidden="true"/>
        ${problem && html`<${Trouble} problem=${problem}/>`}
        <label class="field narrow"><span>${t('password')}</span><input name="password" type="password" autocomplete="current-password" required/></label>
        <div class="buttons"><button class="plain" disabled=${busy}>${t('token.make')}</button></div>
        ${token && html`<div class="commands"><pre tabindex="0">${token.token}</pre><${Copy} text=${token.token}/></div><p class="quiet">${t('token.until')} <${When} at=${token.expiresAt}/></p>`}</form>`;
}

export function UserMenu() {
    const menu = useRef(null);
    useEffect(() => {
        const close = event => {
            const outside = event.type === 'click' && !menu.current?.contains(event.target);
            if (outside || event.key === 'Escape') menu.current?.removeAttribute('open');
        };
        addEventListener('click', close);
        addEventListener('keydown', close);
        return () => { removeEventListener('click', close); removeEventListener('keydown', close); };
    }, []);
    useEffect(() => menu.current?.removeAttribute('open'), [route.value]);
    const signOut = async () => { await post('auth/logout').catch(() => null); await whoAmI(); };
    return html`<details class="menu" ref=${menu}>
        <summary><${Glyph} name="user"/><span>${me.value?.user ?? t('user.nobody')}</span><span class="unseen">${t('user.menu')}</span></summary>
        <div class="panel">
            <p><strong>${me.value?.user ?? t('user.nobody')}</strong><br/><span class="quiet">${me.value?.role ? t(`role.${me.value.role}`) : t('role.none')}</span></p>
            <div class="switch" role="group" aria-label=${t('language')}>${[['ja', '日本語'], ['en', 'English']].map(([key, word]) => html`<button lang=${key} aria-pressed=${language.value === key ? 'true' : 'false'} onClick=${() => language.keep(key)}>${word}</button>`)}</div>
            <div class="switch" role="group" aria-label=${t('theme')}>${['system', 'light', 'dark'].map(key => html`<button aria-pressed=${theme.value === key ? 'true' : 'false'} onClick=${() => theme.keep(key)}>${t(`theme.${key}`)}</button>`)}</div>
            <p><a href=${to('settings', 'account')}>${t('settings.account')}</a></p>
            ${me.value?.user ? html`<button class="plain" onClick=${signOut}>${t('signout')}</button>` : html`<a class="button" href=${to('login')}>${t('signin')}</a>`}
        </div></details>`;
}
