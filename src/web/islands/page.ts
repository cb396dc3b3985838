import { offerCopies } from './copies.ts';
import { keepTimes } from './times.ts';
import { watchForAnswer } from './watch.ts';

keepTimes();
offerCopies();
watchForAnswer();
